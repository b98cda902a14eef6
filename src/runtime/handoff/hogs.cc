// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/hogs.h"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/context/thread_state.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/monitor.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

// Beside hogs, so long ago as what has been woken will be woken again.
constexpr std::int64_t kOfLate = 100'000'000;

void count_off(Server& s) noexcept {
  s.hogs.fetch_sub(1, std::memory_order_seq_cst);
  // Its holder may sleep although new fibers are queued.
  if (s.rt->has_queued_work()) wake_server(s);
}

// One that is counted already; else it is counted off again.
bool mark_hog(Worker& w, Server& s) noexcept {
  Server* none = nullptr;
  if (w.hog_of.compare_exchange_strong(none, &s, std::memory_order_acq_rel)) return true;
  count_off(s);
  return false;
}

}  // namespace

Hogs::Hogs(RuntimeCore& rt)
    : rt_(rt),
      possible_(rt.options().handoff != Handoff::kOff && rt.has_barrier()),
      turns_(std::make_unique<Turn[]>(rt.servers().size())) {}

void Hogs::note_turn(Server& s, std::uint64_t word, std::uint32_t tick, std::int64_t clock,
                     std::int64_t now) noexcept {
  if (!possible_) return;
  Turn& turn = turns_[s.index];
  if (s.tick.load(std::memory_order_relaxed) != tick) {
    turn = {.since = now};
    return;
  }
  if (turn.word != word || turn.tick != tick) {
    const bool same_worker = turn.word != 0 && worker_of(turn.word) == worker_of(word);
    const std::int64_t ran = same_worker ? clock - turn.clock : 0;
    turn = {word, tick, now, clock, ran / (std::int64_t{tick - turn.tick} + 1), clock};
  }
  turn.clock = clock;
  if (turn.computed() >= kUrgent) s.long_turn.store(tick, std::memory_order_relaxed);
}

void Hogs::note_rest(const Server& s) noexcept { turns_[s.index] = {}; }

bool Hogs::all_compute() const noexcept {
  return std::all_of(turns_.get(), turns_.get() + rt_.servers().size(),
                     [](const Turn& turn) { return turn.guess() >= kComputes; });
}

std::int64_t Hogs::serve(Server& s, const Worker& holder, std::int64_t now) noexcept {
  if (!possible_) return kNeverNs;
  const Turn& turn = turns_[s.index];
  const bool urgent_wait = !s.ready.looks_empty() || rt_.inject_queue().urgent_size() != 0;
  // Anybody idle takes what waits here, but one beside a hog takes no new fibers.
  if (urgent_wait ? rt_.idle().any() : has_sleeper_below(rt_, 1)) return kNeverNs;
  const bool urgent = urgent_wait && turn.guess() >= kUrgent && s.hogs.load() < kMost;
  const std::int64_t enough = turn.guess() >= kUrgent ? kPatience : 10 * kPatience;
  const bool overdue = now - turn.since >= enough && s.hogs.load() == 0;
  // The first look of an oracle cannot tell, and by then it may have been blocked for long: with
  // nothing queued behind it nobody looked. At the second look it is claimed as what it is.
  if ((urgent || overdue) && !is_blocked(holder, 0)) detach(s, overdue ? now : now + kPatience);
  if (!urgent_wait) return std::max(turn.since + kPatience - now, Monitor::kPeriod);
  return turn.guess() >= kComputes ? kPeriod : Monitor::kPeriod;
}

void Hogs::detach(Server& s, std::int64_t next_fresh_at) noexcept {
  Worker* const next = rt_.workers().take_or_create(s);
  if (next == nullptr) return;
  const std::uint64_t word = turns_[s.index].word;
  Worker& hog = rt_.workers().at(worker_of(word));
  if (!take_from_running(*next, s, word)) {
    rt_.workers().put_back(*next);
    return;
  }
  s.next_fresh_at = next_fresh_at;
  s.next_hog_at = now_ns() + kPatienceOfHogs;
  set_time_slice(hog, TimeSlice::kLong);
  set_time_slice(*next, TimeSlice::kShort);
  WorkerPool::assign(*next, s);
}

template <class Do>
void Hogs::for_each_hog(Do&& act) noexcept {
  WorkerPool& pool = rt_.workers();
  for (std::uint32_t i = 0; i < pool.count(); ++i) {
    Worker& w = pool.at(i);
    if (w.hog_of.load(std::memory_order_acquire) != nullptr) act(w);
  }
}

bool Hogs::somebody_may_wake(std::int64_t now) noexcept {
  const std::uint64_t injected = rt_.shared_counters().injected.load(std::memory_order_relaxed);
  if (std::exchange(injected_, injected) != injected) injected_at_ = now;
  return now - injected_at_ < kOfLate || rt_.earliest_deadline() != kNeverNs;
}

std::int64_t Hogs::review() noexcept {
  const auto servers = std::ranges::count_if(rt_.servers(), &Server::is_beside_hog);
  if (servers == 0) return kNeverNs;
  const std::int64_t now = now_ns();
  const std::int64_t elapsed = now - std::exchange(reviewed_at_, now);
  std::int64_t ran = 0;
  for_each_hog([&](Worker& w) {
    if (w.hog_cpu.look(clock_ns(w.cpu_clock), now) != CpuShare::kNone) {
      w.hog_still_since = now;
      w.hog_ask_after = 0;
    }
    ran += w.hog_cpu.ran();
  });
  const bool all_cpus_used = is_nearly_all(ran, elapsed * servers);
  const std::int64_t enough = all_cpus_used ? kPatience / 2 : 0;
  for_each_hog([&](Worker& w) {
    const std::int64_t still = now - w.hog_still_since;
    if (still < std::max(w.hog_ask_after, enough)) return;
    w.hog_ask_after = 2 * still;
    if (is_blocked(w, still)) end_hog(w);
  });
  return all_cpus_used && !somebody_may_wake(now) ? kNeverNs : Monitor::kPeriod;
}

void detach_self(Worker& w) noexcept {
  Server& s = *w.server;
  const std::int64_t now = now_ns();
  // Before it is somebody else's, who would begin another one beside it.
  s.next_fresh_at = now + Hogs::kPatience;
  s.next_hog_at = now + Hogs::kPatienceOfHogs;
  s.hogs.fetch_add(1, std::memory_order_seq_cst);
  if (!give_server_away(w, HandoffCause::kHog)) {
    count_off(s);
    return;
  }
  w.detached_at = clock_ns(w.cpu_clock);
  (void)mark_hog(w, s);  // false: the monitor was about to, and takes its mark back itself
  // To whoever holds the server now: it would not get the CPU before our slice ends.
  ::sched_yield();
  set_time_slice(w, TimeSlice::kLong);
  count_anywhere(w.rt->shared_counters().handoffs_hog);
}

bool begin_hog(Worker& w, Server& s) noexcept {
  s.hogs.fetch_add(1, std::memory_order_seq_cst);
  return mark_hog(w, s);
}

void end_hog(Worker& w) noexcept {
  Server* const s = w.hog_of.exchange(nullptr, std::memory_order_acq_rel);
  if (s == nullptr) return;
  if (current_worker() == &w &&
      clock_ns(w.cpu_clock) - std::exchange(w.detached_at, 0) >= Hogs::kUrgent) {
    w.tired = true;
    if (w.current.get() != nullptr) w.current.get()->patient = true;
  }
  count_off(*s);
}

bool has_sleeper_below(RuntimeCore& rt, std::uint32_t hogs) noexcept {
  const IdleSet& idle = rt.idle();
  return idle.any() && std::any_of(rt.servers().begin(), rt.servers().end(), [&](const Server& s) {
           return idle.is_idle(s.index) && s.hogs.load(std::memory_order_seq_cst) < hogs;
         });
}

}  // namespace umcg::inline v0::internal
