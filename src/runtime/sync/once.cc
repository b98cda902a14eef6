// SPDX-License-Identifier: Apache-2.0
// runner_ and the flag change under the queue's lock only. States: nobody (0, not done), running (a
// token), done. Waiters are there while it runs only: a failure passes the run on to the first of
// them, directly, and success lets all go.
#include "umcg/once.h"

#include "runtime/base/report.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

bool OnceFlag::begin() {
  const std::uintptr_t token = current_token();
  Waiter waiter(WaitReason::kOnce, &runner_);
  WaitNode node{.waiter = &waiter, .token = token};
  {
    QueueLock lock(queue_);
    if ((lock.flags() & kQueueFlag) != 0) return false;
    const std::uintptr_t runner = runner_.load(std::memory_order_relaxed);
    if (runner == 0) {
      runner_.store(token, std::memory_order_relaxed);
      return true;
    }
    if (runner == token) {
      die("call_once() by the function that it runs, on the same flag, would wait for ever");
    }
    lock.push_back(node);
  }
  return wait_in(queue_, node, nullptr, Deadline()) == kGranted;
}

void OnceFlag::end(bool succeeded) noexcept {
  Wakeups wakeups;
  QueueLock lock(queue_);
  runner_.store(0, std::memory_order_relaxed);
  if (succeeded) {
    lock.set_flags(kQueueFlag);
    wakeups.claim_all(lock, kRetry);
  } else if (WaitNode* const next = lock.head()) {
    lock.remove(*next);
    runner_.store(next->token, std::memory_order_relaxed);
    wakeups.claim(*next, kGranted);  // nothing else ends its wait
  }
}

}  // namespace umcg::inline v0
