// SPDX-License-Identifier: Apache-2.0
#include "umcg/this_fiber.h"

#include "runtime/base/report.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0::this_fiber {

using namespace internal;

bool in_fiber() noexcept { return current_fiber() != nullptr; }

FiberId get_id() noexcept {
  const FiberCore* const f = current_fiber();
  return f != nullptr ? FiberId(f->id_now()) : FiberId();
}

std::string_view get_name() noexcept {
  const FiberCore* const f = current_fiber();
  return f != nullptr ? f->name_now() : std::string_view();
}

std::stop_token get_stop_token() {
  FiberCore* const f = current_fiber();
  return f != nullptr ? stop_token(*f) : std::stop_token();
}

void yield() { yield_current(); }

WaitStatus sleep_until(Deadline deadline, std::stop_token stop) {
  if (const WaitStatus early = refuse_early(&stop, deadline); early != WaitStatus::kReady) {
    return early;
  }
  Waiter waiter(WaitReason::kSleep);  // in no queue: only the deadline or a stop can end it
  return to_status(waiter.wait(&stop, deadline));
}

ThreadPin::ThreadPin() noexcept {
  if (FiberCore* f = current_fiber()) ++f->ties.pins;
}

ThreadPin::~ThreadPin() {
  FiberCore* const f = current_fiber();
  if (f == nullptr) return;
  // A wait under the pin may have cost the thread its server; now the fiber can go where one is.
  --f->ties.pins;
  if (f->may_migrate()) regain_server();
}

}  // namespace umcg::inline v0::this_fiber
