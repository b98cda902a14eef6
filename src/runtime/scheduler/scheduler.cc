// SPDX-License-Identifier: Apache-2.0
#include "runtime/scheduler/scheduler.h"

#include <sched.h>

#include "runtime/base/report.h"
#include "runtime/fiber/completion.h"
#include "runtime/handoff/bound.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/fiber_loop.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/queues.h"
#include "runtime/waiting/waiter.h"

namespace umcg::inline v0::internal {
namespace {

[[gnu::noinline]] void after_rare_switch(Worker& w, const AfterSwitch& after) noexcept {
  switch (after.what) {
    case AfterSwitch::What::kJoin:
      if (!join_directly(*after.joined, *after.fiber)) push_ready(*w.server, after.fiber);
      return;
    case AfterSwitch::What::kInject:
      w.rt->inject(after.fiber);
      return;
    case AfterSwitch::What::kRelease:
      keep_stack(w, after.stack);
      return;
    case AfterSwitch::What::kNothing:
    case AfterSwitch::What::kPark:
    case AfterSwitch::What::kEnter:
    case AfterSwitch::What::kRequeue:
      return;
  }
}

// Compared one by one, since a jump through a table is a jump that the processor must guess.
[[gnu::always_inline]] inline void after_switch(Worker& w) noexcept {
  const AfterSwitch& after = w.after;
  if (after.what == AfterSwitch::What::kRequeue) [[likely]] {
    if (after.fiber->patient) [[unlikely]] {
      w.rt->inject(after.fiber);
    } else {
      push_ready(*w.server, after.fiber);
    }
  } else if (after.what == AfterSwitch::What::kPark) {
    if (!after.waiter->settle_parked()) push_ready(*w.server, after.fiber);
  } else if (after.what == AfterSwitch::What::kEnter) {
    after.fiber->direct_node = after.entry->node;
    if (!after.entry->enter(*after.fiber, after.entry->object)) {
      push_ready(*w.server, after.fiber);
    }
  } else {
    after_rare_switch(w, after);
  }
}

[[gnu::always_inline]] inline Worker& arrive_at(void* worker, Context& self) noexcept {
  Worker& w = *static_cast<Worker*>(worker);
  finish_switch(self);
  after_switch(w);
  return w;
}

[[gnu::always_inline]] inline Worker& jump_to(Worker& w, FiberCore& f, FiberCore* next) noexcept {
  // errno belongs to the fiber but is kept per thread.
  const int error_number = *w.error_number;
  Stack& self = *f.stack;
  const bool is_suspended = next != nullptr && next->stack != nullptr;
  if (is_suspended) w.current.set(next);
  Context& to = is_suspended ? *next->stack : destination(w, next);
  Worker& now = arrive_at(jump(self, to, &w, true), self);
  *now.error_number = error_number;
  f.state.store(FiberState::kRunning, std::memory_order_relaxed);
  return now;
}

// Exceptions in flight are kept per thread too. It is left with none, and so it is found.
[[gnu::noinline, gnu::cold]] Worker& jump_with_exceptions(Worker& w, FiberCore& f,
                                                          FiberCore* next) noexcept {
  const ExceptionState exceptions = *w.exceptions;
  *w.exceptions = {};
  Worker& now = jump_to(w, f, next);
  *now.exceptions = exceptions;
  return now;
}

// Leaves the current fiber's stack for `next`. Comes back inside the runtime, maybe on another
// worker. Inlined, and with it all that a switch needs: it is the hottest path of all.
[[gnu::always_inline]] inline Worker& suspend(Worker& w, FiberCore& f, FiberCore* next,
                                              const AfterSwitch& after) noexcept {
  w.after = after;
  return w.exceptions->any() ? jump_with_exceptions(w, f, next) : jump_to(w, f, next);
}

bool retake_for(Worker& w, const FiberCore& f) noexcept {
  if (!retake(w)) return false;
  if (w.server->is_hooked()) at_run(w, f);
  return true;
}

// For a fiber whose worker has lost its server: queues it. Comes back inside the runtime.
Worker& queue_and_leave(Worker& overtaken, FiberCore& f) noexcept {
  f.state.store(FiberState::kReady, std::memory_order_relaxed);
  if (overtaken.rt->tracer().on()) at_queue(*overtaken.rt, f);
  return suspend(overtaken, f, nullptr,
                 {.what = AfterSwitch::What::kInject, .fiber = &f, .waiter = nullptr});
}

// Enters the runtime with a server, whatever it takes.
Worker& enter_or_migrate(Worker& w, FiberCore& f) noexcept { return enter(w) ? w : migrate(w, f); }

[[gnu::cold]] void yield_tied(Worker& w, FiberCore& f) {
  if (f.ties.no_suspend != 0) die("a stop callback must not suspend");
  if (f.ties.pins != 0) {
    ::sched_yield();
  } else if (enter(w)) {
    yield_bound(w, f);
  } else {
    leave(migrate(w, f));
  }
}

// What comes before a fiber leaves its stack, or lends it, until its wait is ended. Inside the
// runtime. The next fiber, or null.
[[gnu::always_inline]] inline FiberCore* begin_park(Worker& w, FiberCore& f) noexcept {
  Server& s = *w.server;
  count_here(s.counters.parks);
  f.state.store(FiberState::kParked, std::memory_order_relaxed);
  if (s.is_hooked()) [[unlikely]] {
    return pick_at_park(w, f);
  }
  return pick_next(s, Picking::kPark);
}

}  // namespace

Worker& migrate(Worker& overtaken, FiberCore& f) noexcept {
  if (f.ties.bound) {
    wait_for_turn(overtaken, f);
    return overtaken;
  }
  return retake_for(overtaken, f) ? overtaken : queue_and_leave(overtaken, f);
}

Worker& arrive(void* worker, Context& self) noexcept { return arrive_at(worker, self); }

Context& destination(Worker& w, FiberCore* next) noexcept {
  if (next != nullptr && next->stack == nullptr) {
    Server& s = *w.server;
    if (next->ties.bound || s.stacks == nullptr) {
      // The host gives a bound one its turn; and it may wait for memory, which we may not. Not by
      // way of a queue: the host would rather take one that goes on, such as a fiber that yields
      // and yields until `next` has done something.
      w.for_host = next;
      next = nullptr;
    } else {
      next->stack = s.stacks;
      s.stacks = s.stacks->next;
      --s.stack_count;
    }
  }
  w.current.set(next);
  return next != nullptr ? static_cast<Context&>(*next->stack) : w.host;
}

void park(Waiter& waiter) {
  if (waiter.is_claimed()) {
    waiter.note_claimed_open();
    return;
  }
  Worker& w = *current_worker();
  FiberCore& f = *w.current.get();
  if (f.ties.bound) {
    park_bound(w, f, waiter);
    return;
  }
  Worker& inside = enter_or_migrate(w, f);
  FiberCore* const next = begin_park(inside, f);
  leave(
      suspend(inside, f, next, {.what = AfterSwitch::What::kPark, .fiber = &f, .waiter = &waiter}));
}

void park(DirectEntry& entry) {
  Worker& w = *current_worker();
  FiberCore& f = *w.current.get();
  Worker& inside = enter_or_migrate(w, f);
  FiberCore* const next = begin_park(inside, f);
  leave(
      suspend(inside, f, next, {.what = AfterSwitch::What::kEnter, .fiber = &f, .entry = &entry}));
}

void park_until_end(FiberCore& other) {
  Worker& w = *current_worker();
  FiberCore& f = *w.current.get();
  Worker& inside = enter_or_migrate(w, f);
  FiberCore* const next = begin_park(inside, f);
  if (next == &other && can_lend_stack(f, other)) {
    leave(run_on_loan(inside, f, other));
  } else {
    leave(suspend(inside, f, next,
                  {.what = AfterSwitch::What::kJoin, .fiber = &f, .joined = &other}));
  }
}

void yield_current() {
  Worker* const here = current_worker();
  FiberCore* const fiber = here != nullptr ? here->current.get() : nullptr;
  if (fiber == nullptr) {
    ::sched_yield();
    return;
  }
  Worker& w = *here;
  FiberCore& f = *fiber;
  if (f.ties.any()) [[unlikely]] {
    yield_tied(w, f);
    return;
  }
  if (!enter(w) && !retake_for(w, f)) {
    leave(queue_and_leave(w, f));  // it has stood in a queue: others went first
    return;
  }
  Server& s = *w.server;
  if (s.runs_long()) [[unlikely]] {
    f.patient = true;
  }
  FiberCore* const next = pick_next(s, Picking::kYield);
  if (next == nullptr) {
    f.patient = false;
    leave(w);
    return;
  }
  count_here(s.counters.yields);
  if (s.is_hooked()) [[unlikely]] {
    at_yield(w, f, next);
  }
  f.state.store(FiberState::kReady, std::memory_order_relaxed);
  leave(suspend(w, f, next, {.what = AfterSwitch::What::kRequeue, .fiber = &f, .waiter = nullptr}));
}

void regain_server() {
  Worker& w = *current_worker();
  leave(enter_or_migrate(w, *w.current.get()));
}

void make_ready(FiberChain chain) noexcept {
  Worker* const w = current_worker();
  if (w == nullptr || !enter(*w)) {
    while (FiberCore* f = chain.pop_front()) make_ready(f);
    return;
  }
  FiberChain ours;
  FiberChain others;
  while (FiberCore* f = chain.pop_front()) {
    if (f->rt != w->rt) {
      others.push_back(f);
    } else if (!w->server->is_hooked() || !at_unpark(*w, *f)) {
      ours.push_back(f);
    }
  }
  push_ready(*w->server, ours);
  leave(*w);
  while (FiberCore* f = others.pop_front()) make_ready(f);
}

void make_ready(FiberCore* fiber) noexcept {
  Worker* const w = current_worker();
  if (w == nullptr || w->rt != fiber->rt || !enter(*w)) {
    fiber->rt->wake_from_outside(fiber);
    return;
  }
  const bool queued = w->server->is_hooked() && at_unpark(*w, *fiber);
  if (!queued) [[likely]] {
    push_ready(*w->server, fiber);
  }
  leave(*w);
}

void arm_timer(Timer& timer) noexcept {
  Worker* const w = current_worker();
  if (enter(*w)) {
    w->server->timers.insert(timer);
    w->rt->monitor().timer_armed(timer.deadline());
    leave(*w);
    return;
  }
  // Overtaken: no server of ours will look, so one that sleeps must take note.
  RuntimeCore& rt = *w->rt;
  rt.servers()[0].timers.insert(timer);
  wake_for_work(rt);
}

void keep_stack(Worker& w, Stack* stack) noexcept {
  Server* const s = w.server;
  if (s != nullptr && stack->pooled_class && s->stack_count < Server::kKeepStacks) {
    stack->next = s->stacks;
    s->stacks = stack;
    ++s->stack_count;
  } else {
    w.rt->stacks().release(stack);
  }
}

}  // namespace umcg::inline v0::internal
