// SPDX-License-Identifier: Apache-2.0
#include "runtime/scheduler/monitor.h"

#include <sys/prctl.h>

#include <algorithm>
#include <new>

#include "kernel_shim/task.h"
#include "runtime/base/clock.h"
#include "runtime/base/service_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/server_word.h"

namespace umcg::inline v0::internal {
namespace {

// How late a timer must be before the monitor fires it: its server may be just about to.
constexpr std::int64_t kGrace = 200'000;

}  // namespace

Monitor::Monitor(RuntimeCore& rt)
    : rt_(rt), seen_(std::make_unique<Seen[]>(rt.servers().size())), task_(shim::acquire_task()) {
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
  std::atomic<bool>& asleep = rt_.idle().monitor_sleeps();
  if (asleep.load(std::memory_order_seq_cst) && asleep.exchange(false, std::memory_order_seq_cst)) {
    wake();
  }
}

void Monitor::run() noexcept {
  ::prctl(PR_SET_TIMERSLACK, 1'000);  // 1 us; the default would add 50 to each look
  std::int64_t period = kPeriod;
  std::int64_t last_queued = now_ns();
  while (!stopping_.load(std::memory_order_seq_cst)) {
    // Two looks, close to each other: a block of 1 ms would not last from one period to the next.
    bool found_blocked = look_around();
    serve_spares();
    if (any_suspect()) {
      (void)shim::wait(*task_, now_ns() + kBetweenLooks);
      found_blocked |= look_around();
    }
    std::fill_n(seen_.get(), rt_.servers().size(), Seen());
    const std::int64_t now = now_ns();
    if (rt_.has_queued_work()) last_queued = now;
    if (now - last_queued >= kLinger) {
      rt_.stacks().trim();
      sleep_deep();
      last_queued = now_ns();
      period = kPeriod;
      continue;
    }
    period = found_blocked ? kShortPeriod : std::min(period + period / 4, kLongPeriod);
    const std::int64_t due = rt_.keeper().present() ? kNeverNs : rt_.earliest_deadline();
    const std::int64_t next = due < now + period ? due + kGrace : now + period;
    (void)shim::wait(*task_, std::max(next, now + kShortPeriod));
  }
}

void Monitor::provide_spare() noexcept {
  spare_wanted_.store(true, std::memory_order_seq_cst);
  rt_.idle().monitor_sleeps().store(false, std::memory_order_seq_cst);
  wake();
}

void Monitor::serve_spares() noexcept {
  if (!spare_wanted_.exchange(false, std::memory_order_seq_cst)) return;
  for (Server& s : rt_.servers()) {
    if (!rt_.idle().is_idle(s.index)) rt_.workers().replenish(s);
  }
}

void Monitor::sleep_deep() noexcept {
  std::atomic<bool>& asleep = rt_.idle().monitor_sleeps();
  asleep.store(true, std::memory_order_seq_cst);
  const std::int64_t due = rt_.keeper().present() ? kNeverNs : rt_.earliest_deadline();
  const std::int64_t until = due == kNeverNs ? kNeverNs : due + kGrace;
  if (!rt_.has_queued_work() && !stopping_.load(std::memory_order_seq_cst)) {
    while (asleep.load(std::memory_order_seq_cst) && !stopping_.load(std::memory_order_seq_cst)) {
      if (shim::wait(*task_, until) != 0) break;
    }
  }
  asleep.store(false, std::memory_order_seq_cst);
}

bool Monitor::any_suspect() const noexcept {
  return std::any_of(seen_.get(), seen_.get() + rt_.servers().size(),
                     [](const Seen& seen) { return seen.word != 0; });
}

bool Monitor::look_around() noexcept {
  bool found_blocked = false;
  for (Server& s : rt_.servers()) {
    serve_timers(s);
    found_blocked |= serve_blocked(s, seen_[s.index]);
  }
  return found_blocked;
}

void Monitor::serve_timers(Server& s) noexcept {
  const std::int64_t earliest = s.timers.earliest();
  if (earliest == kNeverNs) return;
  const std::int64_t now = now_ns();
  if (earliest + kGrace > now) return;
  std::uint64_t fired = 0;
  FiberChain ready = s.timers.fire(now, &fired);
  count_anywhere(rt_.shared_counters().timers_fired, fired);
  while (FiberCore* f = ready.pop_front()) rt_.inject_from_outside(f);
}

bool Monitor::serve_blocked(Server& s, Seen& seen) noexcept {
  const std::uint64_t word = s.word->load(std::memory_order_acquire);
  const Seen before = seen;
  seen = {};
  if (word == 0 || rt_.idle().is_idle(s.index)) return false;
  // A worker that blocks with nothing behind it is no loss, until there is.
  if (s.looks_empty() && rt_.inject_queue().size_hint() == 0) return false;
  const bool offered = (word & kOffered) != 0;
  if (!offered) {
    if (rt_.options().handoff == Handoff::kOff) return false;
    Worker& holder = rt_.workers().at(worker_of(word));
    if (holder.in_rt.load(std::memory_order_relaxed) != 0) return false;
    if (!holder.watchable.load(std::memory_order_acquire)) return false;
    seen = {word, before.word == word ? before.oracle : 0, now_ns()};
    if (rt_.oracle().look(holder.subject, seen.oracle) != shim::Look::kBlocked) return false;
    if (before.word == word) seen.since = before.since;
  }
  Worker* claimer = rt_.workers().take_for(s);
  if (claimer == nullptr) claimer = rt_.workers().create();
  if (claimer == nullptr) {
    count_anywhere(rt_.shared_counters().handoffs_refused);
    return false;
  }
  WorkerPool::ask_to_claim(*claimer, s, {.by_standby = false, .seen_at = seen.since});
  return true;
}

}  // namespace umcg::inline v0::internal
