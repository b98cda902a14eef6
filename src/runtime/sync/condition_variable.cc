// SPDX-License-Identifier: Apache-2.0
// A waiter is queued before the user's lock is given up, so a notification given under or after
// that lock finds it. Notified waiters never come back to the queue: it may be gone
// (condition_variable.h).
#include "umcg/condition_variable.h"

#include <optional>

#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_queue.h"
#include "umcg/this_fiber.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

// Gives the lock up, and waits in `queue`, which is that of `cv`.
Outcome wait_unlocked(ConditionVariable& cv, WaitQueue& queue, void* lock, void (*unlock)(void*),
                      const std::stop_token* stop, Deadline deadline) {
  // A lock may hold a pin of its own, which ends with it. What began to wait as this thread must go
  // on as this thread.
  std::optional<this_fiber::ThreadPin> pin;
  if (const FiberCore* const f = current_fiber(); f != nullptr && f->ties.pins != 0) pin.emplace();
  Waiter waiter(WaitReason::kConditionVariable, &cv);
  WaitNode node{.waiter = &waiter};
  {
    QueueLock queue_lock(queue);
    queue_lock.push_back(node);
  }
  try {
    unlock(lock);
  } catch (...) {
    const bool unnotified = waiter.try_claim(kRetry).won;
    withdraw(queue, node);
    if (!unnotified) cv.notify_one();
    throw;
  }
  const Outcome outcome = waiter.wait(stop, deadline);
  if (outcome != kGranted) withdraw(queue, node);
  return outcome;
}

}  // namespace

void ConditionVariable::notify_one() noexcept {
  // Acquire pairs with the unlock in wait_any(); with nobody there it costs a load.
  if (queue_.word.load(std::memory_order_acquire) == 0) return;
  Wakeups wakeups;
  QueueLock lock(queue_);
  while (WaitNode* node = lock.head()) {
    lock.remove(*node);
    if (wakeups.claim(*node, kGranted)) return;
  }
}

void ConditionVariable::notify_all() noexcept {
  if (queue_.word.load(std::memory_order_acquire) == 0) return;
  Wakeups wakeups;
  QueueLock lock(queue_);
  wakeups.claim_all(lock, kGranted);
}

WaitStatus ConditionVariable::wait_any(void* lock, void (*unlock)(void*), void (*relock)(void*),
                                       const std::stop_token& stop, Deadline deadline) {
  const std::stop_token* const stop_or_null = stop.stop_possible() ? &stop : nullptr;
  const WaitStatus early = refuse_early(stop_or_null, deadline);
  if (early == WaitStatus::kStopped) return early;
  if (early == WaitStatus::kTimeout) {
    // Who looks again and again in this way lets those in who could change what he looks at.
    unlock(lock);
    this_fiber::yield();
    relock(lock);
    return early;
  }
  const Outcome outcome = wait_unlocked(*this, queue_, lock, unlock, stop_or_null, deadline);
  relock(lock);
  return to_status(outcome);
}

}  // namespace umcg::inline v0
