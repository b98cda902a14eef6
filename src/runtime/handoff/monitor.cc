// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/monitor.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernel_shim/service_thread.h"
#include "kernel_shim/task.h"
#include "kernel_shim/timer_slack.h"
#include "runtime/base/clock.h"
#include "runtime/base/slice.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/waiting/wait_graph.h"

namespace umcg::inline v0::internal {
namespace {

// How late a timer must be before the monitor fires it: its server may be just about to.
constexpr std::int64_t kGrace = 200'000;

}  // namespace

Monitor::Monitor(RuntimeCore& rt)
    : rt_(rt),
      hogs_(rt),
      bound_(rt),
      observer_(rt),
      seen_(std::make_unique<Seen[]>(rt.servers().size())),
      task_(shim::acquire_task()) {
  if (task_ == nullptr) throw std::bad_alloc();
}

Monitor::~Monitor() { shim::release_task(task_); }

void Monitor::start() {
  thread_ = start_service_thread(rt_.options().name.substr(0, 12) + "/m", [this] { run(); });
}

void Monitor::stop_and_join() noexcept {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_seq_cst);
  wake();
  thread_.join();
}

void Monitor::wake() noexcept { (void)shim::wake(*task_); }

void Monitor::wake_if_asleep() noexcept {
  if (rt_.idle().clear_monitor_sleeps()) wake();
}

void Monitor::timer_armed(std::int64_t deadline) noexcept {
  wake_if_asleep();
  std::int64_t next = next_look_.load(std::memory_order_seq_cst);
  if (deadline < next - kPeriod - kGrace && !rt_.keeper().keeps(deadline) &&
      next_look_.compare_exchange_strong(next, 0, std::memory_order_seq_cst)) {
    wake();
  }
}

void Monitor::end_nap() noexcept {
  if (rt_.idle().end_monitor_nap()) wake();
}

void Monitor::tell_if_all_sleep() noexcept {
  std::atomic<bool>& wish = rt_.idle().awaits_all();
  if (wish.load(std::memory_order_seq_cst) && rt_.idle().all() &&
      wish.exchange(false, std::memory_order_seq_cst)) {
    wake_if_asleep();
  }
}

void Monitor::run() noexcept {
  shim::shorten_timer_slack();
  set_time_slice(0, TimeSlice::kShort);
  std::int64_t last_queued = now_ns();
  while (!stopping_.load(std::memory_order_seq_cst)) {
    serve_spares();
    std::int64_t period = look_around();
    if (any_suspect()) {
      (void)shim::wait(*task_, now_ns() + kBetweenLooks);
      period = std::min(period, look_around());
    }
    period = std::min(period, hogs_.review());
    const std::int64_t now = now_ns();
    bound_.serve(now);
    observer_.look(now);
    if (now - published_at_ >= kPublishPeriod) publish(now);
    const bool repeats = rt_.interrupts().repeat();
    if (repeats || rt_.has_queued_work() || observer_.must_watch()) last_queued = now;
    if (now - last_queued >= kLinger) {
      rt_.stacks().trim();
      publish(now);
      sleep_deep();
      last_queued = now_ns();
      continue;
    }
    wait_for_next_look(repeats ? std::min(period, kPeriod) : period);
  }
}

std::int64_t Monitor::earliest_unkept() const noexcept {
  const std::int64_t earliest = rt_.earliest_deadline();
  return rt_.keeper().keeps(earliest) ? kNeverNs : earliest;
}

void Monitor::wait_for_next_look(std::int64_t period) noexcept {
  const std::int64_t now = now_ns();
  next_look_.store(now + period, std::memory_order_seq_cst);
  const std::int64_t due = earliest_unkept();
  std::int64_t next = due < now + period ? due + kGrace : now + period;
  // Where fibers come and go the servers look for themselves, and would end each nap at once.
  const bool naps = period == kLongPeriod && hogs_.all_compute();
  if (naps) {
    rt_.idle().begin_monitor_nap();
    if (rt_.inject_queue().urgent_size() != 0) next = now;
  }
  (void)shim::wait(*task_, std::max(next, now + kShortPeriod));
  if (naps) (void)rt_.idle().end_monitor_nap();
}

void Monitor::publish(std::int64_t now) noexcept {
  published_at_ = now;
  rt_.live_page().publish(rt_, now);
}

void Monitor::provide_spare() noexcept {
  spare_wanted_.store(true, std::memory_order_seq_cst);
  wake_to_repeat();
}

void Monitor::wake_to_repeat() noexcept {
  (void)rt_.idle().clear_monitor_sleeps();
  wake();
}

void Monitor::serve_spares() noexcept {
  if (!spare_wanted_.exchange(false, std::memory_order_seq_cst)) return;
  for (Server& s : rt_.servers()) {
    if (!rt_.idle().is_idle(s.index)) rt_.workers().replenish(s);
  }
}

void Monitor::sleep_deep() noexcept {
  IdleSet& idle = rt_.idle();
  for (bool told = true; told;) {
    idle.set_monitor_sleeps();
    observer_.look_now(now_ns());
    const bool all_sleep = look_for_deadlocks();
    const std::int64_t due = earliest_unkept();
    const std::int64_t until = due == kNeverNs ? kNeverNs : due + kGrace;
    if (!rt_.has_queued_work() && !rt_.interrupts().any() &&
        !stopping_.load(std::memory_order_seq_cst)) {
      while (idle.monitor_sleeps() && !stopping_.load(std::memory_order_seq_cst)) {
        if (shim::wait(*task_, until) != 0) break;
      }
    }
    (void)idle.clear_monitor_sleeps();
    told = !all_sleep && !idle.awaits_all().load(std::memory_order_seq_cst);
  }
}

bool Monitor::look_for_deadlocks() noexcept {
  std::atomic<bool>& wish = rt_.idle().awaits_all();
  wish.store(true, std::memory_order_seq_cst);
  if (!rt_.idle().all()) return false;
  wish.store(false, std::memory_order_seq_cst);
  report_deadlocks_if_stuck(rt_);
  return true;
}

bool Monitor::any_suspect() const noexcept {
  return std::any_of(seen_.get(), seen_.get() + rt_.servers().size(),
                     [](const Seen& seen) { return seen.suspect; });
}

std::int64_t Monitor::look_around() noexcept {
  std::int64_t period = kLongPeriod;
  for (Server& s : rt_.servers()) {
    serve_timers(s);
    period = std::min(period, serve_holder(s, seen_[s.index]));
  }
  return period;
}

void Monitor::serve_timers(Server& s) noexcept {
  const std::int64_t earliest = s.timers.earliest();
  if (earliest == kNeverNs) return;
  const std::int64_t now = now_ns();
  if (earliest + kGrace > now) return;
  std::uint64_t fired = 0;
  FiberChain ready = s.timers.fire(now, &fired);
  count_anywhere(rt_.shared_counters().timers_fired, fired);
  while (FiberCore* f = ready.pop_front()) rt_.wake_from_outside(f);
}

std::int64_t Monitor::serve_holder(Server& s, Seen& seen) noexcept {
  const std::uint64_t word = s.word->load(std::memory_order_acquire);
  const bool same_holder = std::exchange(seen.word, word) == word;
  const bool suspected = std::exchange(seen.suspect, false) && same_holder;
  if (word == 0 || rt_.idle().is_idle(s.index)) {
    hogs_.note_rest(s);
    return kLongPeriod;
  }
  const std::int64_t now = now_ns();
  const Worker& holder = rt_.workers().at(worker_of(word));
  const std::uint32_t tick = s.tick.load(std::memory_order_relaxed);
  const std::int64_t clock = clock_ns(holder.cpu_clock);
  const CpuShare share = seen.cpu.look(clock, now);
  const std::uint32_t turns = tick - std::exchange(seen.tick, tick);
  const bool at_work = same_holder && (share == CpuShare::kNearlyAll || turns >= kManyTurns);
  hogs_.note_turn(s, word, tick, clock, now);
  const bool for_long = at_work && seen.cpu.elapsed() >= kPeriod / 2;
  const std::int64_t usual = for_long && rt_.standby_of(s) != nullptr ? kLongPeriod : kPeriod;
  // A worker that blocks with nothing queued is no loss, until there is.
  if (!rt_.has_queued_work()) return usual;
  if ((word & kOffered) != 0) return pass_on(s, now);
  if (rt_.options().handoff == Handoff::kOff || !may_be_blocked(holder)) return usual;
  if (!at_work) {
    seen.suspect = true;
    if (!suspected) seen.oracle = 0;
    if (!suspected || turns != 0) seen.since = now;
    if (is_seen_blocked(holder, seen, now)) return pass_on(s, seen.since);
  }
  return rt_.has_work_behind(s) ? std::min(usual, hogs_.serve(s, holder, now)) : usual;
}

bool Monitor::is_seen_blocked(const Worker& holder, Seen& seen, std::int64_t now) noexcept {
  const std::int64_t still = now - seen.since;
  if (rt_.oracle().look(holder.subject, seen.oracle) == shim::Look::kBlocked) {
    return is_blocked(holder, still);
  }
  return still >= kPeriod && is_blocked(holder, 0);  // it has run meanwhile
}

std::int64_t Monitor::pass_on(Server& s, std::int64_t blocked_since) noexcept {
  Worker* const claimer = rt_.workers().take_or_create(s);
  if (claimer == nullptr) {
    count_anywhere(rt_.shared_counters().handoffs_refused);
    bound_.note_refusal();
    return kPeriod;
  }
  set_time_slice(*claimer, TimeSlice::kShort);
  WorkerPool::ask_to_claim(*claimer, s, blocked_since);
  return kShortPeriod;
}

}  // namespace umcg::inline v0::internal
