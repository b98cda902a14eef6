// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/monitor.h"

#include <sys/prctl.h>

#include <algorithm>
#include <new>

#include "kernel_shim/service_thread.h"
#include "kernel_shim/task.h"
#include "runtime/base/clock.h"
#include "runtime/base/slice.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/server_word.h"
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

void Monitor::tell_if_all_sleep() noexcept {
  std::atomic<bool>& wish = rt_.idle().awaits_all();
  if (wish.load(std::memory_order_seq_cst) && rt_.idle().all() &&
      wish.exchange(false, std::memory_order_seq_cst)) {
    wake_if_asleep();
  }
}

void Monitor::run() noexcept {
  ::prctl(PR_SET_TIMERSLACK, 1'000);  // 1 us; the default would add 50 to each look
  set_time_slice(0, TimeSlice::kShort);
  std::int64_t last_queued = now_ns();
  while (!stopping_.load(std::memory_order_seq_cst)) {
    serve_spares();
    // Two looks, close to each other: a block of 1 ms would not last from one period to the next.
    Found found = look_around();
    if (any_suspect()) {
      (void)shim::wait(*task_, now_ns() + kBetweenLooks);
      found = std::max(found, look_around());
    }
    hogs_.review();
    const std::int64_t now = now_ns();
    bound_.serve(now);
    observer_.look(now);
    if (now - published_at_ >= kPublishPeriod) publish(now);
    if (rt_.interrupts().repeat() || rt_.has_queued_work() || observer_.must_watch()) {
      last_queued = now;
    }
    if (now - last_queued >= kLinger) {
      rt_.stacks().trim();
      publish(now);
      sleep_deep();
      last_queued = now_ns();
      continue;
    }
    const std::int64_t period = found == Found::kBlocked   ? kShortPeriod
                                : found == Found::kLongRun ? Hogs::kPeriod
                                                           : kPeriod;
    const std::int64_t due = rt_.keeper().present() ? kNeverNs : rt_.earliest_deadline();
    const std::int64_t next = due < now + period ? due + kGrace : now + period;
    (void)shim::wait(*task_, std::max(next, now + kShortPeriod));
  }
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
    const std::int64_t due = rt_.keeper().present() ? kNeverNs : rt_.earliest_deadline();
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
                     [](const Seen& seen) { return seen.word != 0; });
}

Monitor::Found Monitor::look_around() noexcept {
  Found found = Found::kNothing;
  for (Server& s : rt_.servers()) {
    serve_timers(s);
    found = std::max(found, serve_blocked(s, seen_[s.index]));
  }
  return found;
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

Monitor::Found Monitor::serve_blocked(Server& s, Seen& seen) noexcept {
  const std::uint64_t word = s.word->load(std::memory_order_acquire);
  const Seen before = seen;
  seen = {};
  if (word == 0 || rt_.idle().is_idle(s.index)) return Found::kNothing;
  const std::int64_t now = now_ns();
  hogs_.note_turn(s, word, now);
  // A worker that blocks with nothing queued is no loss, until there is.
  if (!rt_.has_queued_work()) return Found::kNothing;
  if ((word & kOffered) == 0) {
    if (rt_.options().handoff == Handoff::kOff) return Found::kNothing;
    Worker& holder = rt_.workers().at(worker_of(word));
    if (!may_be_blocked(holder)) return Found::kNothing;
    const bool again = before.word == word;
    seen = {word, again ? before.oracle : 0, again ? before.since : now};
    const shim::Look look = rt_.oracle().look(holder.subject, seen.oracle);
    if (look != shim::Look::kBlocked || !is_blocked(holder, now - seen.since)) {
      return rt_.has_work_behind(s) && hogs_.serve(s, holder, now) ? Found::kLongRun
                                                                   : Found::kNothing;
    }
  }
  Worker* const claimer = rt_.workers().take_or_create(s);
  if (claimer == nullptr) {
    count_anywhere(rt_.shared_counters().handoffs_refused);
    bound_.note_refusal();
    return Found::kNothing;
  }
  WorkerPool::ask_to_claim(*claimer, s, seen.word != 0 ? seen.since : now);
  return Found::kBlocked;
}

}  // namespace umcg::inline v0::internal
