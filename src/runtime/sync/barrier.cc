// SPDX-License-Identifier: Apache-2.0
// state_ = phase << 32 | how many are still to arrive. One word, so that an arrival knows for
// certain which phase it belongs to, though its thread may have seen nothing of the last one.
//
// Who writes: each arrival by fetch_sub. The last one of a phase finds the count at zero, which
// keeps everybody else out, and stores the next phase under the queue's lock, where it wakes all:
// no wait begins after that store, so the queue has waiters of one phase only.
#include "umcg/barrier.h"

#include "runtime/base/report.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0::internal {
namespace {

std::uint32_t phase_in(std::uint64_t state) noexcept {
  return static_cast<std::uint32_t>(state >> 32);
}

}  // namespace

BarrierCore::Arrival BarrierCore::arrive(std::ptrdiff_t n) {
  if (n <= 0) die("Barrier: arrive() with a number that is not positive");
  // Release: what the arrivals did happens before the completion; acquire for the last one.
  const std::uint64_t before =
      state_.fetch_sub(static_cast<std::uint64_t>(n), std::memory_order_acq_rel);
  const auto missing = static_cast<std::uint32_t>(before);
  if (n > static_cast<std::ptrdiff_t>(missing)) {
    die("Barrier: more arrivals than are expected in this phase");
  }
  return {phase_in(before), n == static_cast<std::ptrdiff_t>(missing)};
}

void BarrierCore::expect_one_less() noexcept {
  // Seen by the last arrival, since the caller's own comes after this.
  if (expected_.fetch_sub(1, std::memory_order_relaxed) == 0) {
    die("Barrier: arrive_and_drop() where nobody is expected");
  }
}

void BarrierCore::next_phase() noexcept {
  const std::uint64_t next =
      static_cast<std::uint64_t>(phase_in(state_.load(std::memory_order_relaxed)) + 1) << 32 |
      expected_.load(std::memory_order_relaxed);
  Wakeups wakeups;
  QueueLock lock(queue_);
  state_.store(next, std::memory_order_release);
  wakeups.claim_all(lock, kGranted);
}

WaitStatus BarrierCore::wait(std::uint32_t phase, const std::stop_token* stop, Deadline deadline) {
  // Acquire pairs with the release in next_phase().
  const auto is_over = [&] { return phase_in(state_.load(std::memory_order_acquire)) != phase; };
  if (is_over()) {
    settle_giver(queue_);
    return WaitStatus::kReady;
  }
  Waiter waiter(WaitReason::kBarrier, this);
  WaitNode node{.waiter = &waiter};
  {
    QueueLock lock(queue_);
    if (is_over()) return WaitStatus::kReady;
    if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
      return early;
    }
    lock.push_back(node);
  }
  return to_status(wait_in(queue_, node, stop, deadline));
}

}  // namespace umcg::inline v0::internal
