// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/worker_thread.h"

#include <pthread.h>
#include <sched.h>

#include <string>
#include <utility>

#include "kernel_shim/task.h"
#include "kernel_shim/timer_slack.h"
#include "runtime/base/clock.h"
#include "runtime/base/slice.h"
#include "runtime/cpu_count.h"
#include "runtime/handoff/bound.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/stack/overflow.h"

namespace umcg::inline v0::internal {
namespace {

// Without the flag that short slices have left behind (slice.h).
int policy_now() noexcept { return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK; }

void set_up(Worker& w) noexcept {
  // Not what its maker has for a while, which may be the monitor or a thread of the user's.
  pthread_sigmask(SIG_SETMASK, &w.rt->workers().signal_mask(), nullptr);
  shim::set_timer_slack(w.rt->workers().timer_slack());
  w.rt->cpus().use();
  set_current_worker(&w);
  w.word = &RuntimeCore::no_server_word();
  w.held = word_of(w);
  if (w.rt->options().handoff == Handoff::kChaos || w.rt->chaos() != nullptr)
    w.at_leave = kChaosAtLeave;
  w.chaos_state =
      static_cast<std::uint32_t>(w.rt->options().chaos_seed * 2654435761u) + w.index + 1;
  w.error_number = errno_location();
  w.exceptions = exception_state();
  w.host.describe_thread();
  if (w.rt->oracle().attach(w.subject)) {
    w.watchable.store(true, std::memory_order_release);
  }
  w.policy = policy_now();
  const std::string name = w.rt->options().name.substr(0, 10) + "/" + std::to_string(w.index);
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

// Before it goes to the pool. What user code may have left behind on the thread, and that other
// fibers would feel. The rest is documented (docs/thread-identity.md).
void clean_up_after_users(Worker& w) noexcept {
  pthread_sigmask(SIG_SETMASK, &w.rt->workers().signal_mask(), nullptr);
  if (policy_now() != w.policy) {
    const sched_param none{};
    (void)sched_setscheduler(0, w.policy, &none);
  }
  w.slept_on.set(sched_getcpu());
}

Server* try_claim_or_go_back(Worker& w, Server& target, HandoffCause cause) noexcept {
  if (try_claim(w, target, cause)) return &target;
  w.rt->workers().put_back(w);
  return nullptr;
}

Server* next_order(Worker& w) noexcept {
  if (Server* s = w.assigned.exchange(nullptr, std::memory_order_acquire)) return s;
  if (Server* s = w.claim_target.exchange(nullptr, std::memory_order_acquire)) {
    return try_claim_or_go_back(w, *s, HandoffCause::kMonitor);
  }
  if (Server* s = w.poked_by.exchange(nullptr, std::memory_order_acquire)) {
    // Unless somebody has taken it out for another order, which is on its way.
    Worker* self = &w;
    if (s->spare.compare_exchange_strong(self, nullptr, std::memory_order_acq_rel)) {
      Server* const target = try_claim_or_go_back(w, *w.poked_for.get(), HandoffCause::kStandby);
      if (target != nullptr && target != s) w.rt->workers().replenish(*s);
      return target;
    }
  }
  return nullptr;
}

}  // namespace

void set_time_slice(Worker& w, TimeSlice slice) noexcept {
  // One that has only just been made has no tid yet.
  if (w.time_slice.get() == slice || !w.watchable.load(std::memory_order_acquire)) return;
  w.time_slice.set(slice);
  set_time_slice(w.subject.tid, slice);
}

bool begin_to_hold(Worker& w, Server& s, long blocks) noexcept {
  if (s.cpu >= 0 && w.pinned_cpu != s.cpu && tie_to_cpu(0, s.cpu)) w.pinned_cpu = s.cpu;
  if (s.is_beside_hog()) {
    set_time_slice(w, TimeSlice::kShort);  // whatever is woken beside a hog is to run at once
  } else if (w.time_slice.get() == TimeSlice::kLong) {
    set_time_slice(w, TimeSlice::kUsual);
  }
  w.held_on.set(sched_getcpu());
  w.server = &s;
  w.word = s.word;
  if (s.spare.load(std::memory_order_relaxed) == nullptr) w.rt->workers().replenish(s);
  if (!enter(w)) return false;
  w.blocks = blocks;
  s.short_slices = w.time_slice.get() == TimeSlice::kShort;
  if (s.is_hooked()) at_handoff(w);
  return true;
}

void worker_thread(Worker& w) {
  set_up(w);
  AlternateStack signal_stack;
  WorkerPool& pool = w.rt->workers();
  for (;;) {
    if (FiberCore* const f = w.bound_to.exchange(nullptr, std::memory_order_acquire)) {
      run_bound(w, *f);
    } else if (Server* const s = next_order(w)) {
      if (begin_to_hold(w, *s, blocks_so_far())) host_loop(w);
    } else if (pool.stopping()) {
      break;
    } else {
      (void)shim::wait(*w.task, kNeverNs);
      continue;
    }
    if (w.server != nullptr) break;  // the runtime ends
    clean_up_after_users(w);
    shim::Task* const next = std::exchange(w.swap_to, nullptr);
    pool.put_back(w);
    if (next != nullptr) (void)shim::swap(*w.task, shim::tid_of(*next), kNeverNs);
  }
}

}  // namespace umcg::inline v0::internal
