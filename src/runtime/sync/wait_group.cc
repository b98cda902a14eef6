// SPDX-License-Identifier: Apache-2.0
// state_ = count * 2 + (somebody waits). The done() that brings the count to zero with the bit set
// owes the wake-up, and until it has cleared the bit under the lock no wait() returns without
// having passed it: a waiter that finds the count zero but the bit still set queues up to be woken
// by it.
#include "umcg/wait_group.h"

#include "runtime/base/report.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::int64_t kWaiting = 1;

[[gnu::noinline]] WaitStatus wait_slow(std::atomic<std::int64_t>& state, WaitQueue& queue,
                                       const std::stop_token* stop, Deadline deadline) {
  Waiter waiter(WaitReason::kWaitGroup, &state);
  WaitNode node{.waiter = &waiter};
  {
    QueueLock lock(queue);
    std::int64_t seen = state.load(std::memory_order_acquire);
    for (;;) {
      if (seen == 0) return WaitStatus::kReady;
      if (const WaitStatus early = refuse_early(stop, deadline);
          early != WaitStatus::kReady && seen > kWaiting) {
        return early;
      }
      if ((seen & kWaiting) != 0) break;
      if (state.compare_exchange_weak(seen, seen | kWaiting, std::memory_order_acquire,
                                      std::memory_order_acquire)) {
        break;
      }
    }
    lock.push_back(node);
  }
  return to_status(wait_in(queue, node, stop, deadline));
}

[[gnu::noinline]] void wake_all(std::atomic<std::int64_t>& state, WaitQueue& queue) noexcept {
  Wakeups wakeups;
  QueueLock lock(queue);
  wakeups.claim_all(lock, kGranted);
  state.fetch_and(~kWaiting, std::memory_order_release);
}

}  // namespace

void WaitGroup::add(std::ptrdiff_t n) noexcept {
  // The release of every decrement pairs with the acquire of wait().
  const std::int64_t before = state_.fetch_add(2 * n, std::memory_order_acq_rel);
  if (before / 2 + n < 0) die("WaitGroup: the count went below zero");
  if (n < 0 && before + 2 * n == kWaiting) wake_all(state_, queue_);
}

void WaitGroup::done() noexcept { add(-1); }

void WaitGroup::wait() {
  if (state_.load(std::memory_order_acquire) != 0) {
    (void)wait_slow(state_, queue_, nullptr, Deadline());
  } else {
    settle_giver(queue_);
  }
}

WaitStatus WaitGroup::wait(std::stop_token stop, Deadline deadline) {
  if (state_.load(std::memory_order_acquire) != 0) {
    return wait_slow(state_, queue_, &stop, deadline);
  }
  settle_giver(queue_);
  return WaitStatus::kReady;
}

}  // namespace umcg::inline v0
