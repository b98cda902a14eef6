// SPDX-License-Identifier: Apache-2.0
// fiber_loop.cc - the bottom frame of every fiber stack: run a fiber to its end, then the next.
//
// The end of a fiber. `done` (event_word.h) gets kDone by one CAS when nobody waits. From then on
// the descriptor belongs to whoever joins and may be another fiber's at once: nothing here looks at
// it again. With kDetached set there is nobody, and it is freed here. detach() sets that flag by
// CAS, so exactly one of the two sides frees it. User code (the result's destructor, terminate
// handlers) runs before Enter, like the fiber itself.
#include <cstdlib>
#include <exception>
#include <typeinfo>

#include "runtime/context/fp_env.h"
#include "runtime/fiber/completion.h"
#include "runtime/fiber/fiber_locals.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/fiber_loop.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/server_word.h"

namespace umcg::inline v0::internal {
namespace {

// So that a park never has to fetch a fresh page.
void keep_stack_in_reserve(Worker& w) noexcept {
  if (w.server->stacks != nullptr) return;
  w.in_rt.store(0, std::memory_order_release);
  Stack* const stack = w.rt->stacks().allocate();
  (void)enter(w);
  if (stack != nullptr) keep_stack(w, stack);
}

// Runs w.current to its end, and returns what is to run next; null: ask the host.
FiberCore* run_to_end(Worker*& worker) noexcept {
  FiberCore& f = *worker->current.get();
  f.state.store(FiberState::kRunning, std::memory_order_relaxed);
  keep_stack_in_reserve(*worker);
  leave(*worker);
  const BodyEnd end = run_body(f);
  worker = &end.worker;
  if (!end.holds) {
    worker->rt->signal_if_idle();
    return nullptr;
  }
  return end.next != nullptr ? end.next : pick_next(*worker->server, Picking::kPark);
}

}  // namespace

BodyEnd run_body(FiberCore& f) noexcept {
  f.ops->invoke(f.task, &f);
  destroy_locals(f.locals);
  const bool detached = finish_if_detached(f);
  destroy_locals(f.locals);  // a detached fiber's result may have made some as it went
  reset_fp_env();

  Worker& w = *current_worker();
  RuntimeCore& rt = *w.rt;
  bool holds = enter(w);
  w.current.set(nullptr);
  if (holds) {
    count_here(w.server->counters.fibers_finished);
  } else {
    count_anywhere(rt.shared_counters().fibers_finished);
  }
  FiberCore* next = nullptr;
  if (detached) {
    recycle_fiber(rt, w.server, f);
  } else {
    next = complete(f, w, holds);
  }
  return {w, holds, next};
}

// No fake frames of ASan's: the loop outlives the fake stack of each fiber that it runs.
__attribute__((no_sanitize("address"))) void fiber_loop(boost::context::detail::transfer_t from) {
  Worker* w = static_cast<Worker*>(from.data);
  Stack& self = *w->current.get()->stack;
  arrive(from, self);
  for (;;) {
    FiberCore* const next = run_to_end(w);
    if (next != nullptr && next->needs_stack() && self.pooled_class) {
      next->stack = &self;
      w->current.set(next);
      continue;
    }
    Context& to = destination(*w, next);
    w->after = {.what = AfterSwitch::What::kRelease, .stack = &self};
    w->leaving = &self;
    w = &arrive(jump(self, to, w, false), self);
  }
}

}  // namespace umcg::inline v0::internal
