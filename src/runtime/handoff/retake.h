// SPDX-License-Identifier: Apache-2.0
// retake.h - a worker that comes back without a server takes one that does not run.
//
// A fiber blocked, its server went to another worker, and now it is back and wants to go on. To
// queue it and to let its thread sleep would be right: some holder will come to it. But where
// fibers block all the time the holder is most likely off its CPU too by now. Its server would be
// taken a moment later, after this thread has left the CPU, a standby has looked twice and a spare
// has been woken; on a crowded CPU, where the standby does not run, much later. The worker that
// comes back is awake already. It claims (server_word.h), and goes on with its fiber, or after the
// end of that with the next one, without any switch of threads.
//
// From whom. A claim needs a holder that stands still, no more: blocked, or kept from its CPU by
// others, as by this very thread. To tell the two apart costs a look into /proc, as much as the
// claim. If the holder was only kept waiting it is displaced: it runs on without a server, and
// comes back here in its turn. That is as good as threads without a runtime, where each has
// something to wait for; but where all compute, they would take turns for ever in place of fibers.
// So
//   - only a worker that has blocked since it last began to hold a server displaces others, once:
//     what block after block has spread over many threads comes together again when blocks end;
//   - only so many workers are displaced and have not come back: fibers that compute and never come
//     back do not each get a thread (hogs.h). One that blocks keeps its place meanwhile, and where
//     all block that are many: with a fixed bound of 32 for each server half of all takes had to
//     ask /proc, a tenth of the time of fibers that block once. So each worker that comes back
//     tells whether it had blocked, as was guessed. Right guesses raise the bound by one, up to
//     kMost for each server, wrong ones lower it by an eighth, down to kLeast: if one of twenty is
//     wrong it stays near 150. Nor are those displaced that are known to compute for long.
// Else the holder must be blocked, by /proc. A worker that has itself computed for long takes
// nothing: others go first.
//
// Who writes Worker::displaced: the taker sets it before it claims, by exchange, and counts one;
// whoever takes it back, by exchange, counts one off: the taker whose claim failed, or the worker
// when it learns that its server is gone. So none is counted twice, and none for ever. The bound is
// anybody's, without care: an update that is lost was one of many.
//
// Rejected: to look whether the holder is blocked in any case (with page faults of 75 us a fifth
// slower); to ask the kernel how often the holder has blocked (9 us in /proc); to take a server in
// functions that do not suspend (they act as a plain thread would, and cost as little).
#ifndef UMCG_RUNTIME_HANDOFF_RETAKE_H_
#define UMCG_RUNTIME_HANDOFF_RETAKE_H_

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal {

struct Worker;

// The workers of a runtime that are displaced and do not know it yet.
class Displaced {
 public:
  // For each server.
  static constexpr std::uint32_t kLeast = 32;
  static constexpr std::uint32_t kMost = 256;

  explicit Displaced(std::uint32_t servers) noexcept
      : servers_(servers), bound_(kLeast * servers) {}
  bool has_room() const noexcept {
    return count_.load(std::memory_order_relaxed) < bound_.load(std::memory_order_relaxed);
  }
  // False if it is displaced already.
  bool begin(Worker& worker) noexcept;
  // False if it is not.
  bool end(Worker& worker) noexcept;

  // Of one that is displaced no more: whether it had blocked.
  void learn(bool had_blocked) noexcept;
  std::uint32_t bound() const noexcept { return bound_.load(std::memory_order_relaxed); }

 private:
  const std::uint32_t servers_;
  std::atomic<std::uint32_t> bound_;
  std::atomic<std::uint32_t> count_{0};
};

// By a worker that has found its server gone, with its fiber or just after it ended. True: it holds
// one, inside the runtime.
[[gnu::cold]] bool retake(Worker& worker) noexcept;

// How often the calling thread has left its CPU of its own accord.
long blocks_so_far() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_RETAKE_H_
