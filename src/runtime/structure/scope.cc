// SPDX-License-Identifier: Apache-2.0
// scope.cc - who has an exception: the state of the child that threw it, which its future and the
// scope share. join() throws it without asking whether the future has: who joins wants to know that
// a child failed. ~Scope asks, because there it is about exceptions that nobody has seen.
//
// The order at a child's failure: the state is noted first, then the others are asked to stop, then
// the failure is published. So whoever sees it finds the others asked.
#include "umcg/scope.h"

#include "runtime/fiber/stop_state.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0 {

using namespace internal;

Scope::Scope(Deadline deadline, std::stop_token parent)
    : FiberGroup(current_runtime()), stop_(deadline, std::move(parent)) {}

Scope::~Scope() {
  (void)request_stop();
  (void)wait_for_children("~Scope", nullptr, Deadline());
  const StateRef<FutureState> failed(failed_.load(std::memory_order_acquire));
  if (failed && !failed->was_fetched()) runtime().note_dropped_exception(nullptr);
}

void Scope::join() {
  (void)wait_for_children("Scope::join()", nullptr, Deadline());
  // Pairs with the release in note_result().
  const StateRef<FutureState> failed(failed_.exchange(nullptr, std::memory_order_acquire));
  if (failed) failed->rethrow_shared();
}

WaitStatus Scope::wait(std::stop_token stop, Deadline deadline) {
  return wait_for_children("Scope::wait()", &stop, deadline);
}

std::stop_source Scope::children_stop() const { return stop_.source_; }

void Scope::start_child(BuiltFiber child) { start(child); }

void Scope::note_result(FutureState& result) noexcept {
  if (!result.has_failed()) return;
  FutureState* none = nullptr;
  result.share_error();
  result.retain();
  if (!failed_.compare_exchange_strong(none, &result, std::memory_order_release,
                                       std::memory_order_relaxed)) {
    result.release();
  }
  (void)request_stop();
}

}  // namespace umcg::inline v0
