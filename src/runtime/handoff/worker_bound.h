// SPDX-License-Identifier: Apache-2.0
// worker_bound.h - WorkerBound: what happens when all workers that are allowed are blocked. The
// monitor's.
//
// max_workers bounds the threads, and a program may still depend on one more: each worker blocks on
// a pipe whose other end a queued fiber would write. To hold the bound would be to hang. So it is
// soft: with work queued, all servers' workers blocked, and no fiber picked for kStuck, it is
// raised by one, once each kStuck, and reported by name the first time. What the system refuses,
// though, nobody can give; that is reported as what it is.
#ifndef UMCG_RUNTIME_HANDOFF_WORKER_BOUND_H_
#define UMCG_RUNTIME_HANDOFF_WORKER_BOUND_H_

#include <cstdint>

namespace umcg::inline v0::internal {

class RuntimeCore;

class WorkerBound {
 public:
  static constexpr std::int64_t kStuck = 100'000'000;

  explicit WorkerBound(RuntimeCore& rt) noexcept : rt_(rt) {}

  // A server's worker is blocked, fibers wait behind it, and there was no worker to take over.
  void note_refusal() noexcept { refused_ = true; }
  // Once after each look at the servers.
  void serve(std::int64_t now) noexcept;

 private:
  std::uint64_t fibers_picked() const noexcept;
  void raise() noexcept;

  RuntimeCore& rt_;
  bool refused_ = false;
  bool refused_before_ = false;  // at the look before
  bool reported_ = false;
  bool system_reported_ = false;
  std::uint64_t picked_ = 0;
  std::int64_t stuck_since_ = 0;
  std::int64_t last_look_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_WORKER_BOUND_H_
