// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/bound.h"

#include <time.h>

#include <new>
#include <system_error>

#include "kernel_shim/task.h"
#include "runtime/base/clock.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/fiber_loop.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/queues.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/waiting/waiter.h"

namespace umcg::inline v0::internal {
namespace {

// Until this worker has been given a server for its fiber. Comes back inside the runtime.
void take_turn(Worker& w) noexcept {
  for (;;) {
    Server* const s = w.assigned.exchange(nullptr, std::memory_order_acquire);
    if (s == nullptr) {
      (void)shim::wait(*w.task, kNeverNs);
      continue;
    }
    if (begin_to_hold(w, *s, blocks_so_far())) break;
    w.rt->inject(w.current.get());  // lost again before it began
  }
  if (w.server->is_hooked()) at_run(w, *w.current.get());
  w.current.get()->state.store(FiberState::kRunning, std::memory_order_relaxed);
}

// Until there may be a worker to take the server.
void nap() noexcept {
  constexpr timespec kNap{0, 1'000'000};
  ::nanosleep(&kNap, nullptr);
}

}  // namespace

void take_bound_worker(FiberCore& f) {
  Worker* const w = f.rt->workers().take_for_bound();
  if (w == nullptr) {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            "umcg::spawn: no thread for a bound fiber");
  }
  ::new (f.inline_task) Worker*(w);
  w->bound_to.store(&f, std::memory_order_release);
  (void)shim::wake(*w->task);
}

Worker& bound_worker(const FiberCore& f) noexcept {
  return **std::launder(reinterpret_cast<Worker* const*>(f.inline_task));
}

void run_bound(Worker& w, FiberCore& f) noexcept {
  w.current.set(&f);
  take_turn(w);
  leave(w);
  const BodyEnd end = run_body(f);
  w.rt->workers().end_bound();
  if (end.holds) {
    if (end.next != nullptr) push_ready(*w.server, end.next);
    host_loop(w);
  } else {
    w.rt->signal_if_idle();
  }
}

void park_bound(Worker& w, FiberCore& f, Waiter& waiter) noexcept {
  if (waiter.is_claimed()) {
    waiter.note_claimed_open();
    return;
  }
  if (w.rt->tracer().on()) at_park_outside(f);
  // The server must go, since its fiber waits here with the thread.
  while (w.server != nullptr && !hand_over_now(w, HandoffCause::kBound)) {
    if (waiter.is_claimed()) {
      waiter.note_claimed_open();
      return;
    }
    nap();
  }
  f.state.store(FiberState::kParked, std::memory_order_relaxed);
  if (waiter.settle_parked()) {
    take_turn(w);
  } else {
    wait_for_turn(w, f);
  }
  leave(w);
}

void wait_for_turn(Worker& w, FiberCore& f) noexcept {
  f.state.store(FiberState::kReady, std::memory_order_relaxed);
  if (w.rt->tracer().on()) at_queue(*w.rt, f);
  w.rt->inject(&f);
  take_turn(w);
}

void yield_bound(Worker& w, FiberCore& f) noexcept {
  const bool others = w.rt->has_queued_work();
  leave(w);
  if (!others) return;
  while (w.server != nullptr && !hand_over_now(w, HandoffCause::kBound)) nap();
  wait_for_turn(w, f);
  leave(w);
}

void give_turn(Worker& w, FiberCore& f) noexcept {
  Worker& next = bound_worker(f);
  Server& s = *w.server;
  note_handoff(s, HandoffCause::kBound, now_ns(), nullptr);
  WorkerPool::assign_asleep(next, s);
  lose_server(w);
  w.swap_to = next.task;
}

}  // namespace umcg::inline v0::internal
