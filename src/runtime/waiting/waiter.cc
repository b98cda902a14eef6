// SPDX-License-Identifier: Apache-2.0
#include "runtime/waiting/waiter.h"

#include <optional>

#include "kernel_shim/cpu_relax.h"
#include "kernel_shim/task.h"
#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/handoff/handoff.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"
#include "runtime/time/timer_heap.h"
#include "runtime/waiting/thread_record.h"

namespace umcg::inline v0::internal {

void make_ready(const Claim& claim) noexcept {
  if (claim.fiber != nullptr) {
    make_ready(claim.fiber);
  } else if (claim.thread != 0) {
    // -ESRCH: the thread saw the claim by itself and is gone. -EAGAIN: it has a wake-up to come.
    (void)shim::wake(claim.thread);
  }
}

void Waiter::begin_as_thread(const FiberCore* f) {
  if (f != nullptr && f->ties.no_suspend != 0) die("a stop callback must not suspend");
  thread_ = shim::tid_of(thread_task());
}

Outcome Waiter::wait_with_limits(const std::stop_token* stop, Deadline deadline) {
  // Its destructor waits for a callback that is just running, so the waiter outlives all claims by
  // it.
  std::optional<StopWatch> on_stop;
  if (stop != nullptr && stop->stop_possible())
    on_stop.emplace(*stop, ClaimAtStop{this, kStopAsked});
  if (fiber_ != nullptr) {
    wait_as_fiber(deadline);
  } else {
    wait_as_thread(deadline);
  }
  return state_.load(std::memory_order_acquire);
}

void Waiter::wait_until_let_go() noexcept {
  if (!claimer_may_linger()) return;
  constexpr int kTries = 100;
  for (int tries = 0; tries < kTries; ++tries) {
    if (let_go_.load(std::memory_order_acquire) == kLetGo) return;
    cpu_relax();
  }
  while (let_go_.load(std::memory_order_acquire) != kLetGo) LockSleepers::sleep(let_go_, kHeld);
}

void Waiter::wait_as_fiber(Deadline deadline) {
  const ShowWait show(fiber_->waits_for, reason_, object_, !deadline.is_never());
  if (deadline.is_never()) {
    park(*this);
    return;
  }
  Timer timer(*this, deadline.ns());
  arm_timer(timer);
  park(*this);
  timer.cancel();
}

void Waiter::wait_as_thread(Deadline deadline) {
  if (!settle_parked()) return;
  std::optional<ShowWait> show;
  if (FiberCore* const f = current_fiber()) {
    show.emplace(f->waits_for, reason_, object_, !deadline.is_never());
  } else if (ThreadRecord* const r = thread_record()) {
    show.emplace(r->waits_for, reason_, object_, !deadline.is_never());
  }
  // A pinned fiber waits here with its thread: the server goes on with another worker.
  if (Worker* w = current_worker(); w != nullptr) hand_over_for_pin(*w);
  while (state_.load(std::memory_order_acquire) == kParked) {
    if (shim::wait(thread_task(), deadline.ns()) == 0 || !deadline.has_passed()) continue;
    (void)try_claim(kTimedOut);  // lost: somebody was faster, and his word counts
  }
}

}  // namespace umcg::inline v0::internal
