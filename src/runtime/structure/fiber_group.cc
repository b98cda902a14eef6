// SPDX-License-Identifier: Apache-2.0
#include "umcg/internal/fiber_group.h"

#include "runtime/base/report.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/fiber/fiber_locals.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {

void FiberGroup::add_and_start(BuiltFiber child) {
  children_.add();
  try {
    start_child(child);
  } catch (...) {  // no thread for a bound fiber
    children_.done();
    throw;
  }
}

void FiberGroup::begin_child() noexcept { current_fiber()->group = this; }

void FiberGroup::publish_result(FutureState& result) noexcept {
  destroy_locals(current_fiber()->locals);
  note_result(result);
  if (result.has_another_owner()) result.publish();  // else its future has been dropped
}

void FiberGroup::finish_child() noexcept {
  destroy_locals(current_fiber()->locals);  // a result's destructor may have made some
  child_ended();
  current_fiber()->group = nullptr;
  children_.done();  // the last touch
}

WaitStatus FiberGroup::wait_for_children(const char* who, const std::stop_token* stop,
                                         Deadline deadline) {
  if (const FiberCore* f = current_fiber(); f != nullptr && f->group == this) {
    die("%s by one of its own children would wait for itself", who);
  }
  return stop != nullptr ? children_.wait(*stop, deadline) : (children_.wait(), WaitStatus::kReady);
}

}  // namespace umcg::inline v0::internal
