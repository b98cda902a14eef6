// SPDX-License-Identifier: Apache-2.0
// fiber_loop.cc - the bottom frame of every fiber stack: run a fiber to its end, then the next.
//
// The end of a fiber. `done` (event_word.h) gets kDone by one CAS when nobody waits. From then on
// the descriptor belongs to whoever joins and may be another fiber's at once: nothing here looks at
// it again. With kDetached set there is nobody, and it is freed here. detach() sets that flag by
// CAS, so exactly one of the two sides frees it. User code (the result's destructor, terminate
// handlers) runs before Enter, like the fiber itself.
//
// A stack on loan. A fiber that joins one which has not begun, and which this server would begin
// next, has nothing to do until that one has ended. So the new fiber runs on the joiner's stack, as
// a function that it calls: no switch there, none back, no word in `done` to agree on. It is a
// fiber of its own all the same: it has its descriptor, its locals, errno, exceptions in flight and
// floating-point environment, and when it parks the stack parks with it. The joiner is in no queue
// meanwhile; nobody can wake it, since only that end would. Each stack is larger than it was asked
// to be by what may be in use when it is lent (stack_pool.h), so that no fiber gets less than it
// was promised. Rejected: to let the joiner go on elsewhere when the other parks (it has no other
// stack).
#include <cstdlib>
#include <exception>
#include <typeinfo>

#include "runtime/base/report.h"
#include "runtime/context/fp_env.h"
#include "runtime/fiber/completion.h"
#include "runtime/fiber/fiber_locals.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/fiber_loop.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/queues.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

[[gnu::always_inline]] inline void run_user_code(FiberCore& f) noexcept {
  try {
    f.ops->invoke(f.task, &f);
  } catch (...) {
    f.error = std::current_exception();
  }
  destroy_locals(f.locals);
}

// `goes_on`: the fiber that runs on, if that is known.
[[gnu::always_inline]] inline void count_end(Worker& w, const FiberCore& f, bool holds,
                                             const FiberCore* goes_on = nullptr) noexcept {
  if (holds) {
    count_here(w.server->counters.fibers_finished);
    if (w.server->is_hooked()) [[unlikely]] {
      at_end(w, f);
      if (goes_on != nullptr) at_run(w, *goes_on);
    }
  } else {
    count_anywhere(w.rt->shared_counters().fibers_finished);
    if (w.rt->tracer().on()) at_end_outside(f);
  }
}

// So that a park never has to fetch a fresh page.
void keep_stack_in_reserve(Worker& w) noexcept {
  if (w.server->stacks != nullptr) return;
  w.in_rt.store(0, std::memory_order_release);
  Stack* const stack = w.rt->stacks().allocate();
  (void)enter(w);
  if (stack != nullptr) keep_stack(w, stack);
}

// Runs w.current to its end, and returns what is to run next; null: ask the host.
FiberCore* run_to_end(Worker*& worker, const Stack& stack) noexcept {
  FiberCore& f = *worker->current.get();
  f.state.store(FiberState::kRunning, std::memory_order_relaxed);
  keep_stack_in_reserve(*worker);
  leave(*worker);
  const std::uint64_t id = f.id_now();
  const BodyEnd end = run_body(f);
  if (StackPool::is_overwritten(stack)) [[unlikely]] {
    die("stack overflow: fiber %llu has overwritten the end of its stack, which has no guard",
        static_cast<unsigned long long>(id));
  }
  worker = &end.worker;
  if (!end.holds && !(worker->rt->has_queued_work() && retake(*worker))) {
    worker->rt->signal_if_idle();
    return nullptr;
  }
  Server& s = *worker->server;
  FiberCore* const next = end.next != nullptr ? end.next : pick_next(s, Picking::kPark);
  if (s.is_hooked()) [[unlikely]] {
    at_next(*worker, next, stack.pooled_class);
  }
  return next;
}

}  // namespace

BodyEnd run_body(FiberCore& f) noexcept {
  run_user_code(f);
  const bool detached = finish_if_detached(f);
  destroy_locals(f.locals);  // a detached fiber's result may have made some as it went
  FpEnv::set_default();

  Worker& w = *current_worker();
  RuntimeCore& rt = *w.rt;
  bool holds = enter(w);
  w.current.set(nullptr);
  count_end(w, f, holds);
  FiberCore* next = nullptr;
  if (detached) {
    recycle_fiber(rt, w.server, f);
  } else {
    next = complete(f, w, holds);
  }
  return {w, holds, next};
}

bool can_lend_stack(const FiberCore& joiner, const FiberCore& f) noexcept {
  if (!f.needs_stack()) return false;
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
  const auto left = static_cast<std::size_t>(here - joiner.stack->low);
  return left >= joiner.rt->stacks().default_size();
}

Worker& run_on_loan(Worker& w, FiberCore& joiner, FiberCore& f) noexcept {
  const int error_number = *w.error_number;
  const ExceptionState exceptions = *w.exceptions;
  *w.exceptions = {};
  const FpEnv fp_env = FpEnv::current();
  FpEnv::set_default();
  f.stack = joiner.stack;
  f.state.store(FiberState::kRunning, std::memory_order_relaxed);
  w.current.set(&f);
  // Else pick_at_park() has said so.
  if (w.server->is_hooked() && w.server->stacks == nullptr) [[unlikely]] {
    at_run(w, f);
  }
  leave(w);

  run_user_code(f);

  Worker& now = *current_worker();
  const bool holds = enter(now);
  count_end(now, f, holds, &joiner);
  f.state.store(FiberState::kDone, std::memory_order_relaxed);
  // For the joiner alone, who is here; release for those who look without waiting.
  f.done.word.store(kDone, std::memory_order_release);
  now.current.set(&joiner);
  fp_env.set();
  *now.exceptions = exceptions;
  *now.error_number = error_number;
  joiner.state.store(FiberState::kRunning, std::memory_order_relaxed);
  return holds ? now : migrate(now, joiner);
}

// Nobody has called fiber_loop(): unwinders are to stop there.
inline __attribute__((always_inline)) void end_of_stack() noexcept {
#if defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(__x86_64__)
  asm volatile(".cfi_undefined rip");
#elif defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(__aarch64__)
  asm volatile(".cfi_undefined x30");
#endif
}

// No fake frames of ASan's: the loop outlives the fake stack of each fiber that it runs.
__attribute__((no_sanitize("address"))) void fiber_loop(void* worker) {
  end_of_stack();
  Worker* w = static_cast<Worker*>(worker);
  Stack& self = *w->current.get()->stack;
  arrive(worker, self);
  for (;;) {
    FiberCore* const next = run_to_end(w, self);
    if (next != nullptr && next->needs_stack() && self.pooled_class) {
      next->stack = &self;
      w->current.set(next);
      continue;
    }
    Context& to = destination(*w, next);
    w->after = {.what = AfterSwitch::What::kRelease, .stack = &self};
    w = &arrive(jump(self, to, w, false), self);
  }
}

}  // namespace umcg::inline v0::internal
