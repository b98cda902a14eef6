// SPDX-License-Identifier: Apache-2.0
// region.h - how server and clients lie in a region's memory, and the protocol between them.
//
// The region is a group (umcg/shared_group.h): place 0 is the server's, the others are the
// clients'. Its data is one area for each client; a client's calls never touch another's area. In
// it:
//
//   hello    {server's generation,         written by the client, for one server
//             client's generation}
//   welcome  the same                      written by the server, when nothing runs any more for
//   the
//                                          client that had the place before
//   pending  a bit for each slot with a    set by the client, taken by the server
//            request
//   done     a bit for each slot with a    set by the server, taken by the client
//            response
//   slots    size or status, and bytes     the client's up to its pending bit, then the server's up
//                                          to its done bit, then the client's again
//
// A bit is set after the slot is written (release) and before the other side is woken; it is taken
// with all others in one exchange (acquire), after which the taker looks again before it sleeps. A
// wake-up that finds its task running is queued, so no bit is set unseen.
//
// What both sides believe is in private memory: which slots are in use, by whom, who was welcomed.
// A bit that cannot be true is ignored. Sizes are read once and checked, then used from the copy.
//
// The races that matter:
//
//   A client dies, and another takes its place while a handler of the first is running. Its
//   response must not fall into a slot of the second. So a new client says hello and waits for the
//   welcome, which comes when the last handler has ended.
//
//   The server dies and another takes its place. The group tells the client (-EPIPE, -ESRCH); all
//   its calls fail, and the next one says hello to the new server, which has another generation.
//
//   A call is given up at its deadline. The slot stays in use until the response has come.
//
// Rejected: a ring of requests (one producer each, or a lock in shared memory that a hostile or
// dead client holds); slots that any client may take (the dead one's must be found out and taken
// back).
#ifndef UMCG_RPC_REGION_H_
#define UMCG_RPC_REGION_H_

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "umcg/rpc.h"
#include "umcg/shared_group.h"

namespace umcg::inline v0::rpc {

inline constexpr std::uint32_t kServerPlace = 0;
inline constexpr std::uint32_t kMaxClients = UMCG_SHARED_MAX_TASKS - 1;
inline constexpr std::uint32_t kMaxSlots = 64;
inline constexpr std::size_t kMaxPayload = std::size_t{1} << 24;

// In shared memory, at the start of the data. Written once.
struct RegionHeader {
  static constexpr std::uint64_t kMagic = 0x31637072'67636d75;
  std::uint64_t magic;
  std::uint32_t clients;
  std::uint32_t slots;
  std::uint64_t max_payload;
};

// In shared memory.
struct Slot {
  std::atomic<std::uint32_t> size;    // of the request, or of the response or the error's message
  std::atomic<std::uint32_t> status;  // of the response: absl::StatusCode
};

struct alignas(64) Area {
  std::atomic<std::uint64_t> hello;
  std::atomic<std::uint64_t> pending;
  alignas(64) std::atomic<std::uint64_t> welcome;
  std::atomic<std::uint64_t> done;
};

inline std::uint32_t generation_of(umcg_shared_id id) {
  return static_cast<std::uint32_t>(id >> 32);
}
inline std::uint64_t make_hello(umcg_shared_id server, umcg_shared_id client) {
  return std::uint64_t{generation_of(server)} << 32 | generation_of(client);
}

// Where things are, by options that have been checked.
class Layout {
 public:
  explicit Layout(const RegionOptions& options)
      : slot_bytes_(round(sizeof(Slot) + options.max_payload)),
        area_bytes_(sizeof(Area) + options.slots * slot_bytes_),
        bytes_(kHeader + options.clients * area_bytes_) {}

  std::size_t bytes() const { return bytes_; }
  Area& area(std::byte* data, std::uint32_t client) const {
    return *reinterpret_cast<Area*>(data + kHeader + client * area_bytes_);
  }
  Slot& slot(Area& area, std::uint32_t index) const {
    return *reinterpret_cast<Slot*>(reinterpret_cast<std::byte*>(&area + 1) + index * slot_bytes_);
  }
  static std::byte* payload(Slot& slot) { return reinterpret_cast<std::byte*>(&slot + 1); }

 private:
  static constexpr std::size_t kHeader = 64;
  static constexpr std::size_t round(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
  std::size_t slot_bytes_;
  std::size_t area_bytes_;
  std::size_t bytes_;
};

struct Region::Shared {
  int descriptor;
  RegionOptions options;
  Shared(int fd, const RegionOptions& o) : descriptor(fd), options(o) {}
  ~Shared() { ::close(descriptor); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
};

// A place in the region's group, for a scope. Throws std::system_error.
class Membership {
 public:
  Membership(const Region& region, std::uint32_t first_place, std::uint32_t last_place);
  ~Membership() { umcg_shared_leave(task_, 0); }
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  umcg_shared_task* task() const { return task_; }
  umcg_shared_id id() const { return id_; }
  std::uint32_t place() const { return place_; }
  std::byte* data() const { return data_; }

 private:
  umcg_shared_task* task_ = nullptr;
  umcg_shared_id id_ = 0;
  std::uint32_t place_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace umcg::inline v0::rpc

#endif  // UMCG_RPC_REGION_H_
