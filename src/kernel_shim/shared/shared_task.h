// SPDX-License-Identifier: Apache-2.0
// shared_task.h - what a group's memory looks like, and what a process keeps for itself about it.
//
// Nothing that is read from the shared memory is believed: the header is copied and checked once,
// when joining; after that only words are read, each of which may hold anything at any time. What a
// process must be able to rely on (its place, its generation, who its peers are, whether they have
// ended) it has in private memory.
#ifndef UMCG_KERNEL_SHIM_SHARED_SHARED_TASK_H_
#define UMCG_KERNEL_SHIM_SHARED_SHARED_TASK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel_shim/futex.h"
#include "kernel_shim/linger.h"
#include "kernel_shim/wait_wake.h"
#include "umcg/shared_group.h"

namespace umcg::inline v0::internal::shim {

// In shared memory. Written once by umcg_shared_create().
struct GroupHeader {
  static constexpr std::uint32_t kMagic = 0x554d4347;
  static constexpr std::uint32_t kVersion = 2;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t tasks;
  std::uint32_t reserved;
  std::uint64_t data_bytes;
};

// In shared memory, after the header. Between tasks the state is NONE and the generation that of
// the last one, or the next.
struct alignas(64) Place {
  Word word;
  CpuNote cpu;
};

inline constexpr std::size_t kPage = 4096;
constexpr std::size_t round_to_pages(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}
constexpr std::size_t places_offset() { return alignof(Place); }
constexpr std::size_t data_offset(std::uint32_t tasks) {
  return round_to_pages(places_offset() + tasks * sizeof(Place));
}

// What a task knows of the one at a place. Written under the lock of peer_watch.cc.
struct Peer {
  // {generation, whether it has ended}; generation 0: nobody is watched. Read without the lock.
  std::atomic<std::uint64_t> known;
  umcg_shared_task* owner;
  Peer* next;
  std::uint32_t place;
  int pidfd;  // -1: its lock is looked at now and then
  bool here;  // it is of this process
};

}  // namespace umcg::inline v0::internal::shim

// In private memory that reads as zeros in a forked child.
struct umcg_shared_task {
  bool lives;
  int fd;
  std::uint32_t place;
  std::uint32_t generation;
  std::uint32_t tasks;
  std::byte* memory;
  std::size_t bytes;
  std::size_t data_bytes;
  umcg::internal::shim::BriefLook look;  // the owner's
  std::uint64_t device;
  std::uint64_t inode;
  umcg_shared_task* next;  // of this process; written under the lock of peer_watch.cc
  umcg::internal::shim::Peer peers[UMCG_SHARED_MAX_TASKS];

  umcg::internal::shim::Place& place_at(std::uint32_t at) const {
    using umcg::internal::shim::Place;
    return reinterpret_cast<Place*>(memory + umcg::internal::shim::places_offset())[at];
  }
  umcg::internal::shim::Word& word_at(std::uint32_t at) const { return place_at(at).word; }
};

namespace umcg::inline v0::internal::shim {

constexpr umcg_shared_id make_id(std::uint32_t generation, std::uint32_t place) {
  return make_word(generation, place + 1);
}
constexpr std::uint32_t place_of(umcg_shared_id id) { return state_of(id) - 1; }

// Whether the task of that generation is at its place no more.
inline bool has_ended(const umcg_shared_task& self, umcg_shared_id id) noexcept {
  const std::uint32_t place = place_of(id);
  const std::uint64_t gone = make_word(generation_of(id), 1);
  // acquire: pairs with the release of umcg_shared_leave() and with the store in peer_watch.cc.
  if (self.peers[place].known.load(std::memory_order_acquire) == gone) return true;
  const std::uint64_t word = self.word_at(place).load(std::memory_order_acquire);
  return generation_of(word) != generation_of(id) || state_of(word) == UMCG_TASK_NONE;
}

// One sleeps by a futex that other processes see, at most until a certain peer has ended.
struct ByShared {
  umcg_shared_task& self;
  umcg_shared_id peer = 0;
  std::int64_t deadline_ns = kNever;

  int look() const noexcept {
    if (peer == 0) return 0;
    // Partner: the fence in nudge().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return has_ended(self, peer) ? -EPIPE : 0;
  }
  int sleep(const std::uint32_t* half, std::uint32_t expected) const noexcept {
    return futex_wait(half, expected, deadline_ns, FutexScope::kShared);
  }
  void wake(const std::uint32_t* half) const noexcept { futex_wake(half, 1, FutexScope::kShared); }
  void linger(const Word& word, std::uint64_t woken) const noexcept {
    shim::linger(self.place_at(place_of(peer)).cpu, self.look, word, woken);
  }
  bool can_swap() const noexcept { return false; }
  void swap(const std::uint32_t*, const std::uint32_t*, std::uint32_t) const noexcept {}
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_SHARED_SHARED_TASK_H_
