// SPDX-License-Identifier: Apache-2.0
// A waiter is queued before the user's lock is given up, so a notification given under or after
// that lock finds it. Notified waiters never come back to the queue: it may be gone
// (condition_variable.h).
#include "umcg/condition_variable.h"

#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

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
  if (const WaitStatus early = refuse_early(stop_or_null, deadline); early != WaitStatus::kReady) {
    return early;
  }
  Waiter waiter(WaitReason::kConditionVariable, this);
  WaitNode node{.waiter = &waiter};
  {
    QueueLock queue_lock(queue_);
    queue_lock.push_back(node);
  }
  unlock(lock);
  const Outcome outcome = waiter.wait(stop_or_null, deadline);
  if (outcome != kGranted) withdraw(queue_, node);
  relock(lock);
  return to_status(outcome);
}

}  // namespace umcg::inline v0
