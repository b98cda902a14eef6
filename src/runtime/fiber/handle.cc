// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/fiber/completion.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"
#include "runtime/sync/event_word.h"
#include "runtime/waiting/waiter.h"
#include "umcg/fiber.h"

namespace umcg::inline v0::internal {
namespace {

[[noreturn, gnu::cold]] void refuse(std::errc why, const char* what) {
  throw std::system_error(std::make_error_code(why), what);
}

void recycle_here(FiberCore& f) noexcept {
  RuntimeCore& rt = *f.rt;
  Worker* const w = current_worker();
  if (w != nullptr && w->rt == &rt && enter(*w)) {
    recycle_fiber(rt, w->server, f);
    leave(*w);
  } else {
    recycle_fiber(rt, nullptr, f);
  }
}

// Without a limit. A fiber that can park is entered into the other one's word directly.
void wait_for_end(FiberCore& f) {
  if (event_is_set(f.done, kDone)) return;
  FiberCore* const self = current_fiber();
  if (!Waiter::can_park_directly(self)) {
    (void)wait_event(f.done, kDone, nullptr, Deadline(), WaitReason::kJoin, &f);
    return;
  }
  const ShowWait show(self->waits_for, WaitReason::kJoin, &f, false);
  park_until_end(f);
}

}  // namespace

void FiberHandle::require_joinable(const char* what) const {
  if (core_ == nullptr) refuse(std::errc::invalid_argument, what);
}

FiberId FiberHandle::get_id() const noexcept {
  return core_ != nullptr ? FiberId(core_->id_now()) : FiberId();
}

WaitStatus FiberHandle::wait(std::stop_token stop, Deadline deadline) const {
  require_joinable("umcg::Fiber::wait");
  return wait_event(core_->done, kDone, &stop, deadline, WaitReason::kJoin, core_);
}

SelectCase FiberHandle::on_done() const {
  require_joinable("umcg::Fiber::on_done");
  return event_case(core_->done, kDone);
}

void FiberHandle::detach() {
  require_joinable("umcg::Fiber::detach");
  FiberCore& f = *std::exchange(core_, nullptr);
  std::uintptr_t running = 0;
  // Release hands the task over to the fiber; acquire takes it over from one that has ended.
  if (f.done.word.compare_exchange_strong(running, kDetached, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
    return;
  }
  f.done.word.fetch_or(kDetached, std::memory_order_relaxed);
  (void)finish_if_detached(f);
  recycle_here(f);
}

bool FiberHandle::request_stop() noexcept {
  return core_ != nullptr && internal::request_stop(*core_);
}

std::stop_token FiberHandle::get_stop_token() const {
  return core_ != nullptr ? stop_token(*core_) : std::stop_token();
}

void* FiberHandle::join_task() {
  require_joinable("umcg::Fiber::join");
  if (core_ == current_fiber()) {
    refuse(std::errc::resource_deadlock_would_occur, "umcg::Fiber::join");
  }
  wait_for_end(*core_);
  if (core_->error) {
    std::exception_ptr error = std::exchange(core_->error, nullptr);
    release();
    std::rethrow_exception(std::move(error));
  }
  return core_->task;
}

void FiberHandle::release() noexcept {
  FiberCore& f = *std::exchange(core_, nullptr);
  destroy_task(f);
  recycle_here(f);
}

void FiberHandle::stop_and_drop() noexcept {
  (void)internal::request_stop(*core_);
  if (core_ == current_fiber()) die("~Fiber: a fiber cannot wait for its own end");
  wait_for_end(*core_);
  if (core_->error) core_->rt->note_dropped_exception(core_);
  release();
}

}  // namespace umcg::inline v0::internal
