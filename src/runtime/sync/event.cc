// SPDX-License-Identifier: Apache-2.0
#include "umcg/event.h"

#include "runtime/sync/event_word.h"

namespace umcg::inline v0 {

using namespace internal;

void Event::set() noexcept { set_event(queue_, kQueueFlag); }

void Event::reset() noexcept {
  QueueLock lock(queue_);
  lock.set_flags(0);
}

bool Event::is_set() const noexcept { return event_is_set(queue_, kQueueFlag); }

SelectCase Event::on_set() noexcept { return event_case(queue_, kQueueFlag); }

void Event::wait() {
  (void)wait_event(queue_, kQueueFlag, nullptr, Deadline(), WaitReason::kEvent, this);
}

WaitStatus Event::wait(std::stop_token stop, Deadline deadline) {
  return wait_event(queue_, kQueueFlag, &stop, deadline, WaitReason::kEvent, this);
}

}  // namespace umcg::inline v0
