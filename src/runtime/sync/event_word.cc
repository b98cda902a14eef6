// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/event_word.h"

namespace umcg::inline v0::internal {

void set_event_slow(WaitQueue& queue, std::uintptr_t flag, Wakeups& wakeups) noexcept {
  QueueLock lock(queue);
  lock.set_flags(lock.flags() | flag);
  while (WaitNode* node = lock.head()) {
    lock.remove(*node);
    wakeups.claim(*node, kGranted);
  }
}

WaitStatus wait_event(WaitQueue& queue, std::uintptr_t flag, const std::stop_token* stop,
                      Deadline deadline) {
  if (event_is_set(queue, flag)) return WaitStatus::kReady;
  Waiter waiter;
  WaitNode node{.waiter = &waiter};
  const bool patient = stop == nullptr && deadline.is_never();
  if (!patient || !push_if_idle(queue, node)) {
    QueueLock lock(queue);
    if ((lock.flags() & flag) != 0) return WaitStatus::kReady;
    if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
      return early;
    }
    lock.push_back(node);
  }
  const Outcome outcome = waiter.wait(stop, deadline);
  if (outcome == kGranted) {
    settle(queue, waiter);
  } else {
    withdraw(queue, node, [](QueueLock&) {});
  }
  return to_status(outcome);
}

}  // namespace umcg::inline v0::internal
