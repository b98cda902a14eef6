// SPDX-License-Identifier: Apache-2.0
// rpc.h - calls between processes, over memory that they share. Library umcg::rpc; needs Abseil.
//
// A server makes a Region and gives its descriptor to the clients, each a process, which open it.
// docs/rpc.md shows both sides.
//
// A request is copied out of the shared memory once, then the handler runs as a fiber, on private
// buffers: it may park, block, call other servers. Calls of one client, up to the region's slots,
// run at the same time; a fiber that calls parks, a plain thread waits. Nothing in the shared
// memory is believed, so a hostile client can disturb no one but those that share its region: give
// each client that you do not trust a region, and a server, of its own. See docs/rpc.md.
#ifndef UMCG_RPC_H_
#define UMCG_RPC_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/wait.h"

namespace umcg::inline v0::rpc {

struct RegionOptions {
  std::uint32_t clients = 8;       // that may be there at once, 1 to 63
  std::uint32_t slots = 16;        // calls of one client that may run at once, 1 to 64
  std::size_t max_payload = 4096;  // of a request and of a response, bytes
};

// The memory of a server and its clients. Copies are the same region, whose descriptor is open
// until the last is gone. While a server or client of a region lives the process must not close
// another descriptor of the same memory (shared_group.h says why).
class Region {
 public:
  // A new one. InvalidArgument: a number out of its range; else what the system refuses.
  static absl::StatusOr<Region> create(const RegionOptions& options = {});
  // Of a descriptor that was received or inherited; it belongs to the region from here on.
  static absl::StatusOr<Region> open(int fd);

  // Close-on-exec when created. Belongs to the region.
  int fd() const noexcept;
  const RegionOptions& options() const noexcept;

 private:
  struct Shared;
  explicit Region(std::shared_ptr<const Shared> shared) noexcept : shared_(std::move(shared)) {}
  std::shared_ptr<const Shared> shared_;
};

// Returns how many bytes of `out` are the response, or an error that the call returns. `out` has
// max_payload bytes. Called by several fibers at once. An exception is the error kInternal.
using Handler = std::function<absl::StatusOr<std::size_t>(std::span<const std::byte> in,
                                                          std::span<std::byte> out)>;

class Server {
 public:
  // On a fiber, or a thread that has entered a runtime: there the handlers run. Throws
  // std::system_error: the region has a server, or the system refuses.
  Server(Region region, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Any fiber or thread; may suspend. Takes no more requests and waits for the running handlers;
  // calls that are waiting return kUnavailable.
  ~Server();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

class Client {
 public:
  // Any fiber or thread. Throws std::system_error: the region has as many clients as it can have,
  // or the system refuses. The server need not be there yet.
  explicit Client(Region region);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // No call may be running.
  ~Client();

  // Any fiber or thread, several at once; may suspend, may migrate. Returns the bytes of the
  // response, which are in `out`. Errors: those of the handler; kUnavailable: there is no server,
  // or it has ended meanwhile; kDeadlineExceeded; kCancelled: stop was requested;
  // kInvalidArgument: `in` is too long; kOutOfRange: the response does not fit into `out`;
  // kDataLoss: the server has written nonsense. After a deadline or a stop the handler may run on:
  // it is not told, and the slot is free when it has ended.
  absl::StatusOr<std::size_t> call(std::span<const std::byte> in, std::span<std::byte> out,
                                   std::stop_token stop = {}, Deadline deadline = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace umcg::inline v0::rpc

#endif  // UMCG_RPC_H_
