// SPDX-License-Identifier: Apache-2.0
#include "runtime/scheduler/points.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "kernel_shim/oracle/describe_block.h"
#include "runtime/base/clock.h"
#include "runtime/context/thread_state.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/queues.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {
namespace {

Tracer& tracer_of(const Server& s) noexcept { return s.rt->tracer(); }

std::uint64_t id_of(const FiberCore* f) noexcept { return f != nullptr ? f->id_now() : 0; }

constexpr std::uint8_t detail(TraceBy by) noexcept { return static_cast<std::uint8_t>(by); }

std::uint64_t own_tid() noexcept { return static_cast<std::uint64_t>(::syscall(SYS_gettid)); }

// As in destination(): whether no host comes in between.
bool runs_directly(const Server& s, const FiberCore* next, bool on_same_stack) noexcept {
  return next != nullptr &&
         (next->stack != nullptr || (!next->ties.bound && (on_same_stack || s.stacks != nullptr)));
}

// Holds the caller up, or not; then whether it takes another turn.
bool takes_turn(RuntimeCore& rt, ChaosPoint point) noexcept {
  Chaos* const chaos = rt.chaos();
  if (chaos == nullptr) return false;
  const ChaosDecision d = chaos->next(point);
  if (Chaos::hold(d)) count_anywhere(rt.shared_counters().chaos_delays);
  return d.turn;
}

void leave_fiber(Worker& w, TraceKind kind, std::uint64_t fiber, std::uint64_t other,
                 const FiberCore* next) noexcept {
  tracer_of(*w.server).add(*w.server, kind, fiber, other);
  at_next(w, next, false);
}

// What the calling fiber or thread, which holds no server, does to `f`.
void add_by_caller(TraceKind kind, const FiberCore& f) noexcept {
  const FiberCore* const by = current_fiber();
  f.rt->tracer().add_shared(kind, f.id_now(), by != nullptr ? by->id_now() : own_tid(),
                            detail(by != nullptr ? TraceBy::kFiber : TraceBy::kThread));
}

template <class Add>
void spell_name(const FiberCore& f, Add add) noexcept {
  constexpr std::size_t kPiece = 8;
  const std::string_view name = f.name_now();
  for (std::size_t at = 0; at < name.size(); at += kPiece) {
    std::uint64_t piece = 0;
    name.copy(reinterpret_cast<char*>(&piece), kPiece, at);
    add(piece, static_cast<std::uint8_t>(at));
  }
}

}  // namespace

FiberCore* pick_at_park(Worker& w, const FiberCore& f) noexcept {
  Server& s = *w.server;
  FiberCore* next = nullptr;
  if (takes_turn(*s.rt, ChaosPoint::kPark)) {
    next = steal_early(s);
    if (next != nullptr) count_anywhere(s.rt->shared_counters().chaos_turns);
  }
  if (next == nullptr) next = pick_next(s, Picking::kPark);
  leave_fiber(w, TraceKind::kPark, f.id_now(), f.waits_for.load(std::memory_order_relaxed), next);
  return next;
}

void at_yield(Worker& w, const FiberCore& f, const FiberCore* next) noexcept {
  leave_fiber(w, TraceKind::kYield, f.id_now(), 0, next);
  hold_up(*w.rt, ChaosPoint::kYield);
}

void at_end(Worker& w, const FiberCore& f) noexcept {
  tracer_of(*w.server).add(*w.server, TraceKind::kEnd, f.id_now());
  hold_up(*w.rt, ChaosPoint::kEnd);
}

void at_next(Worker& w, const FiberCore* next, bool keeps_stack) noexcept {
  if (runs_directly(*w.server, next, keeps_stack)) at_run(w, *next);
}

void at_spawn(Worker& w, const FiberCore& f) noexcept {
  Server& s = *w.server;
  Tracer& tracer = tracer_of(s);
  tracer.add(s, TraceKind::kSpawn, f.id_now(), id_of(w.current.get()), detail(TraceBy::kFiber));
  spell_name(f, [&](std::uint64_t piece, std::uint8_t at) {
    tracer.add(s, TraceKind::kName, f.id_now(), piece, at);
  });
  hold_up(*w.rt, ChaosPoint::kSpawn);
}

bool at_unpark(Worker& w, FiberCore& f) noexcept {
  tracer_of(*w.server).add(*w.server, TraceKind::kUnpark, f.id_now(), id_of(w.current.get()),
                           detail(TraceBy::kFiber));
  if (!takes_turn(*w.rt, ChaosPoint::kUnpark)) return false;
  count_anywhere(w.rt->shared_counters().chaos_turns);
  w.rt->inject(&f);
  return true;
}

void at_run(Worker& w, const FiberCore& f) noexcept {
  tracer_of(*w.server).add(*w.server, TraceKind::kRun, f.id_now());
}

void at_timer(Server& s, const FiberCore& f) noexcept {
  tracer_of(s).add(s, TraceKind::kUnpark, f.id_now(), 0, detail(TraceBy::kTimer));
}

void at_steal(Server& thief, const Server& victim, const FiberCore& f) noexcept {
  tracer_of(thief).add(thief, TraceKind::kSteal, f.id_now(), victim.index);
}

void at_sleep(Server& s) noexcept {
  tracer_of(s).add(s, TraceKind::kSleep, 0);
  hold_up(*s.rt, ChaosPoint::kSleep);
}

void at_wake(Server& s) noexcept {
  tracer_of(s).add(s, TraceKind::kWake, 0);
  hold_up(*s.rt, ChaosPoint::kWake);
}

void at_handoff(Worker& w) noexcept {
  Server& s = *w.server;
  const HandoffNote& note = s.handoff_note;
  const std::int64_t latency = now_ns() - note.since.get();
  const HandoffRecord record{note.cause.get(),
                             static_cast<std::uint64_t>(latency > 0 ? latency : 0),
                             note.system_call.get()};
  tracer_of(s).add(s, TraceKind::kHandoff, note.fiber.get(), record.word());
  hold_up(*s.rt, ChaosPoint::kHandoff);
}

void at_spawn_outside(const FiberCore& f) noexcept {
  Tracer& tracer = f.rt->tracer();
  add_by_caller(TraceKind::kSpawn, f);
  spell_name(f, [&](std::uint64_t piece, std::uint8_t at) {
    tracer.add_shared(TraceKind::kName, f.id_now(), piece, at);
  });
}

void at_unpark_outside(const FiberCore& f) noexcept { add_by_caller(TraceKind::kUnpark, f); }

void at_return(Worker& w) noexcept {
  const FiberCore* const f = w.current.get();
  if (f == nullptr) return;
  const std::int64_t before = w.cpu_time_at_loss.get();
  const std::int64_t used = before >= 0 ? clock_ns(w.cpu_clock) - before : 0;
  w.cpu_time_at_loss.set(-1);
  w.rt->tracer().add_shared(TraceKind::kReturn, f->id_now(),
                            static_cast<std::uint64_t>(used > 0 ? used : 0));
}

void at_queue(RuntimeCore& rt, const FiberCore& f) noexcept {
  rt.tracer().add_shared(TraceKind::kQueue, f.id_now());
}

void at_end_outside(const FiberCore& f) noexcept {
  f.rt->tracer().add_shared(TraceKind::kEnd, f.id_now());
}

void at_park_outside(const FiberCore& f) noexcept {
  f.rt->tracer().add_shared(TraceKind::kPark, f.id_now(),
                            f.waits_for.load(std::memory_order_relaxed));
}

void hold_up(RuntimeCore& rt, ChaosPoint point) noexcept { (void)takes_turn(rt, point); }

void note_handoff(Server& s, HandoffCause cause, std::int64_t since, Worker* from) noexcept {
  HandoffNote& note = s.handoff_note;
  note.cause.set(cause);
  note.since.set(since);
  note.fiber.set(0);
  note.system_call.set(-1);
  if (from == nullptr) return;
  from->lost_server_at.set(since);
  if (!s.rt->tracer().on()) return;
  note.fiber.set(id_of(from->current.look()));
  from->cpu_time_at_loss.set(clock_ns(from->cpu_clock));
  if (from == current_worker()) return;  // given, not taken: it is not blocked yet
  if (is_taken_in_block(cause)) {
    note.system_call.set(shim::blocked_system_call(from->subject.tid));
  }
}

}  // namespace umcg::inline v0::internal
