// SPDX-License-Identifier: Apache-2.0
// The count in one word, an event in the other. Only who brings the count to zero sets the event,
// so everybody else's last touch is the decrement.
#include "umcg/latch.h"

#include "runtime/base/report.h"
#include "runtime/sync/event_word.h"

namespace umcg::inline v0 {

using namespace internal;

void Latch::count_down(std::ptrdiff_t n) noexcept {
  if (n < 0) die("Latch: count_down() by a negative number");
  // Each decrement happens before the last one, and so before the event is set.
  const std::ptrdiff_t before = left_.fetch_sub(n, std::memory_order_acq_rel);
  if (before < n) die("Latch: the count went below zero");
  if (before == n && n != 0) set_event(queue_, kQueueFlag);
}

bool Latch::try_wait() const noexcept { return event_is_set(queue_, kQueueFlag); }

void Latch::wait() const {
  (void)wait_event(queue_, kQueueFlag, nullptr, Deadline(), WaitReason::kLatch, this);
}

WaitStatus Latch::wait(std::stop_token stop, Deadline deadline) const {
  return wait_event(queue_, kQueueFlag, &stop, deadline, WaitReason::kLatch, this);
}

void Latch::arrive_and_wait(std::ptrdiff_t n) {
  count_down(n);
  wait();
}

}  // namespace umcg::inline v0
