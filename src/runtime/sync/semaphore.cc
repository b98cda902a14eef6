// SPDX-License-Identifier: Apache-2.0
// state_ = permits * 2 + (somebody waits). While the bit is set, permits change only under the
// queue's lock, and newcomers queue up behind those who wait. release() with the bit set gives
// permits to the first waiters directly: nobody can snatch them, and each wakes exactly once.
#include "umcg/semaphore.h"

#include "runtime/base/report.h"
#include "runtime/sync/select_ops.h"
#include "runtime/sync/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::int64_t kWaiting = 1;

// Serves waiters in order while permits last. Under the lock.
void grant(QueueLock& lock, std::atomic<std::int64_t>& state, Wakeups& wakeups) noexcept {
  while (WaitNode* node = lock.head()) {
    const std::int64_t free = state.load(std::memory_order_relaxed) / 2;
    if (free < node->amount) return;
    const std::int64_t amount = node->amount;
    lock.remove(*node);
    if (wakeups.claim(*node, kGranted)) state.fetch_sub(amount * 2, std::memory_order_acq_rel);
  }
  state.fetch_and(~kWaiting, std::memory_order_release);
}

// After somebody has left the queue: he may have stood before smaller requests.
void serve_those_behind(QueueLock& lock, std::atomic<std::int64_t>& state,
                        Wakeups& wakeups) noexcept {
  if ((state.load(std::memory_order_relaxed) & kWaiting) != 0) grant(lock, state, wakeups);
}

WaitStatus acquire_slow(std::atomic<std::int64_t>& state, WaitQueue& queue,
                        const std::stop_token* stop, Deadline deadline, std::int64_t n) {
  Waiter waiter(WaitReason::kSemaphore, &state);
  WaitNode node{.waiter = &waiter, .amount = n};
  {
    QueueLock lock(queue);
    std::int64_t seen = state.load(std::memory_order_relaxed);
    for (;;) {
      if ((seen & kWaiting) != 0) break;
      const bool enough = seen / 2 >= n;
      if (!enough) {
        if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
          return early;
        }
      }
      // Acquire pairs with the release of release().
      if (state.compare_exchange_weak(seen, enough ? seen - 2 * n : seen | kWaiting,
                                      std::memory_order_acquire, std::memory_order_relaxed)) {
        if (enough) return WaitStatus::kReady;
        break;
      }
    }
    lock.push_back(node);
  }
  Wakeups wakeups;
  return to_status(wait_in(queue, node, stop, deadline,
                           [&](QueueLock& lock) { serve_those_behind(lock, state, wakeups); }));
}

}  // namespace

struct Semaphore::Case {
  static Semaphore& of(const SelectCase& c) noexcept { return *static_cast<Semaphore*>(c.object); }
  static bool try_now(const SelectCase& c) { return of(c).try_acquire(c.number); }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    std::atomic<std::int64_t>& state = of(c).state_;
    QueueLock lock(of(c).queue_);
    std::int64_t seen = state.load(std::memory_order_relaxed);
    while ((seen & kWaiting) == 0) {
      if (seen / 2 >= c.number) return false;
      if (state.compare_exchange_weak(seen, seen | kWaiting, std::memory_order_relaxed)) break;
    }
    node.amount = c.number;
    lock.push_back(node);
    return true;
  }
  static void withdraw(const SelectCase& c, WaitNode& node) noexcept {
    Wakeups wakeups;
    internal::withdraw(of(c).queue_, node,
                       [&](QueueLock& lock) { serve_those_behind(lock, of(c).state_, wakeups); });
  }
  static bool complete(const SelectCase& c, WaitNode& node, Outcome /*code*/) noexcept {
    settle(of(c).queue_, *node.waiter);
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

SelectCase Semaphore::on_acquire(std::ptrdiff_t n) noexcept {
  return {.ops = &Case::kOps, .object = this, .number = n};
}

bool Semaphore::try_acquire(std::ptrdiff_t n) noexcept {
  std::int64_t seen = state_.load(std::memory_order_relaxed);
  while ((seen & kWaiting) == 0 && seen / 2 >= n) {
    // Acquire pairs with the release of release().
    if (state_.compare_exchange_weak(seen, seen - 2 * n, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      settle_giver(queue_);
      return true;
    }
  }
  return false;
}

void Semaphore::acquire(std::ptrdiff_t n) {
  if (!try_acquire(n)) (void)acquire_slow(state_, queue_, nullptr, Deadline(), n);
}

WaitStatus Semaphore::acquire(std::stop_token stop, Deadline deadline, std::ptrdiff_t n) {
  return try_acquire(n) ? WaitStatus::kReady : acquire_slow(state_, queue_, &stop, deadline, n);
}

void Semaphore::release(std::ptrdiff_t n) noexcept {
  if (n < 0) die("Semaphore: release() of a negative number of permits");
  for (;;) {
    std::int64_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & kWaiting) == 0) {
      if (seen / 2 > max() - n) die("Semaphore: more than max() permits");
      // The last touch: whoever acquires these permits may destroy the semaphore.
      if (state_.compare_exchange_weak(seen, seen + 2 * n, std::memory_order_release,
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    Wakeups wakeups;
    QueueLock lock(queue_);
    if ((state_.load(std::memory_order_relaxed) & kWaiting) == 0) continue;  // the last one gave up
    if (state_.fetch_add(2 * n, std::memory_order_acq_rel) / 2 > max() - n) {
      die("Semaphore: more than max() permits");
    }
    grant(lock, state_, wakeups);
    return;
  }
}

}  // namespace umcg::inline v0
