// SPDX-License-Identifier: Apache-2.0
// idle.cc - a server with nothing to do: search, sleep, be woken. The protocol is in idle_set.h.
//
// What a server will get to soon is left to it (left_to_owner.h). While such fibers come and go the
// searcher looks less often, since each look costs the other server cache misses, and longer, since
// whoever queues the next one would have to wake it.
//
// Deadlines. One sleeping server, the keeper, sleeps only until the earliest deadline of all heaps;
// the others sleep until they are woken. Who goes to sleep with an earlier deadline in sight than
// the present keeper's becomes the keeper; the old one wakes once for nothing. Who wakes fires what
// is due in every heap, whosever it is. A deadline set while
// all sleep is set by nobody but an overtaken worker, which wakes a server. If the keeper goes to
// work, servers that run look at their own heaps, and the monitor at all of them.
#include <algorithm>
#include <optional>

#include "kernel_shim/cpu_relax.h"
#include "kernel_shim/timer_slack.h"
#include "runtime/base/clock.h"
#include "runtime/handoff/hogs.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/left_to_owner.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/queues.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

constexpr int kSearchRounds = 100;
constexpr int kMostSearchRounds = 8 * kSearchRounds;
constexpr int kPausesPerRound = 8;
constexpr int kPausesWhileOthersWork = 64;

FiberCore* steal_from(Server& thief, Server& victim) noexcept {
  if (victim.looks_empty()) return nullptr;  // a visit may cost a barrier
  const ThiefGate::Visit visit(victim.gate);
  if (!visit.may_steal()) return nullptr;
  // Half of a ring has room in an empty one only.
  FiberCore* f = thief.ready.looks_empty() ? victim.ready.steal_into(thief.ready) : nullptr;
  if (f == nullptr && !thief.is_beside_hog()) f = victim.fresh.steal();
  if (f == nullptr) return nullptr;
  count_here(thief.counters.steals);
  if (thief.is_hooked()) at_steal(thief, victim, *f);
  return f;
}

// `left`: by this search; null: takes whatever there is.
FiberCore* steal_any(Server& s, LeftToOwner* left, std::int64_t now) noexcept {
  const auto servers = s.rt->servers();
  const std::size_t n = servers.size();
  const std::size_t start = s.next_random() % n;
  for (std::size_t i = 0; i < n; ++i) {
    Server& victim = servers[(start + i) % n];
    if (&victim == &s || (left != nullptr && !left->may_steal_from(victim, now))) continue;
    if (FiberCore* f = steal_from(s, victim)) return f;
  }
  return nullptr;
}

// Beside hogs the kernel may take the CPU back before this thread has run what is due (slice.h): a
// second one is called, to take it from here. Without it one sleep in a hundred was late by some
// 0.6 ms, not 0.1.
void call_second(const Server& s) noexcept {
  const auto servers = s.rt->servers();
  if (std::ranges::none_of(servers, &Server::is_beside_hog)) return;
  for (Server& other : servers) {
    if (s.rt->idle().is_idle(other.index)) return wake_server(other);
  }
}

FiberCore* look_here(Server& s) noexcept {
  if (fire_all_due_timers(s)) call_second(s);
  return pick_next(s, Picking::kPark);
}

// Looks around for a while, for longer where fibers come and go, and at last without regard. The
// server is counted as searching.
FiberCore* search_on(Server& s) noexcept {
  LeftToOwner left;
  int last = kSearchRounds;
  for (int round = 1; round <= last; ++round) {
    int pauses = kPausesPerRound;
    if (s.rt->servers().size() > 1) {
      const std::int64_t now = now_ns();
      if (FiberCore* f = steal_any(s, round < last ? &left : nullptr, now)) return f;
      if (left.has_changed_lately(now)) {
        last = std::min(round + kSearchRounds, kMostSearchRounds);
        pauses = kPausesWhileOthersWork;
      }
    }
    if (s.rt->inject_queue().size_hint() != 0) {
      if (FiberCore* f = pick_next(s, Picking::kPark)) return f;
    }
    for (int i = 0; i < pauses; ++i) cpu_relax();
  }
  return nullptr;
}

// One that is alone gets work from outside only. Where that never comes within a search, most often
// because whoever would send it needs this CPU, the search is time lost for both.
FiberCore* search(Server& s) noexcept {
  const bool alone = s.rt->servers().size() == 1;
  if (alone && !s.search_pays.takes_this_chance()) return nullptr;
  FiberCore* const f = search_on(s);
  f != nullptr ? s.search_pays.has_paid() : s.search_pays.was_in_vain();
  return f;
}

// Counts as searching again: by ourselves, or by the waker who was faster.
void take_out_to_search(const Server& s) noexcept {
  if (s.rt->idle().withdraw(s.index)) s.rt->idle().begin_search();
}

// Sleeps until the server's idle bit has been cleared, by a waker or, at a deadline, by ourselves.
// It counts as searching then, at a deadline too: else firing what is due would wake another server
// for a fiber that we are about to run.
void sleep(Worker& w, Server& s) noexcept {
  RuntimeCore& rt = *w.rt;
  count_here(s.counters.server_sleeps);
  const std::int64_t deadline = rt.keeper().volunteer(rt.earliest_deadline());
  const bool may_begin = s.hogs.load() != 0 && s.hogs.load() < Hogs::kMost && rt.has_queued_work();
  const std::int64_t until = may_begin ? std::min(deadline, s.next_fresh_at) : deadline;
  std::optional<shim::ShortTimerSlack> on_time;
  if (until != kNeverNs) on_time.emplace();
  while (rt.idle().is_idle(s.index)) {
    if (rt.workers().stopping() || (shim::wait(*w.task, until) != 0 && now_ns() >= until)) {
      take_out_to_search(s);
      break;
    }
  }
  rt.keeper().resign(deadline);
  // With timers armed and the keeper at work, somebody must see to them.
  if (rt.earliest_deadline() != kNeverNs) rt.monitor().wake_if_asleep();
}

// The last look before the sleep.
bool has_work_for(const Server& s) noexcept {
  if (s.hogs.load(std::memory_order_seq_cst) == 0) return s.rt->has_queued_work();
  return s.rt->has_urgent_work();
}

// Found something: if nobody searches any more, somebody else should, for there may be more.
void leave_search(RuntimeCore& rt) noexcept {
  if (rt.idle().end_search() && rt.has_queued_work()) wake_for_work(rt);
}

// Rather a server that begins new fibers: one beside hogs might go back to sleep.
int take_sleeper(RuntimeCore& rt) noexcept {
  for (const std::uint32_t limit : {1U, Hogs::kMost}) {
    for (const Server& s : rt.servers()) {
      if (rt.idle().is_idle(s.index) && s.hogs.load(std::memory_order_relaxed) < limit &&
          rt.idle().withdraw(s.index)) {
        return static_cast<int>(s.index);
      }
    }
  }
  return rt.idle().take_one();
}

// A server beside hogs goes to sleep and leaves new fibers queued, for which it may have been woken
// in the stead of one with fewer. Only those are told, so that no two wake each other in turn.
void pass_on(const Server& s) noexcept {
  const std::uint32_t hogs = s.hogs.load(std::memory_order_seq_cst);
  if (hogs != 0 && s.rt->has_queued_work() &&
      has_sleeper_below(*s.rt, hogs < Hogs::kMost ? 1 : Hogs::kMost)) {
    wake_for_work(*s.rt);
  }
}

}  // namespace

FiberCore* steal_early(Server& s) noexcept {
  for (Server& victim : s.rt->servers()) {
    if (&victim == &s || s.is_beside_hog()) continue;
    FiberCore* const f = steal_from(s, victim);
    if (f == nullptr) continue;
    notify_work(s);  // as in take_injected()
    return f;
  }
  return nullptr;
}

void wake_for_work(RuntimeCore& rt) noexcept {
  rt.monitor().wake_if_asleep();
  IdleSet& idle = rt.idle();
  while (idle.any() && idle.begin_search_if_none()) {
    if (const int n = take_sleeper(rt); n >= 0) {
      Server& s = rt.servers()[static_cast<std::size_t>(n)];
      count_anywhere(rt.shared_counters().server_wakes);
      // A sleeping server stays with its worker: that one is inside the runtime.
      const std::uint64_t word = s.word->load(std::memory_order_acquire);
      (void)shim::wake(*rt.workers().at(worker_of(word)).task);
      return;
    }
    idle.end_search();
    // Somebody may have gone idle, and somebody else queued work, while we counted as searching.
  }
}

void wake_server(Server& s) noexcept {
  IdleSet& idle = s.rt->idle();
  if (!idle.is_idle(s.index)) return;
  // First counted, then woken: it counts itself out as soon as it finds something.
  idle.begin_search();
  if (!idle.withdraw(s.index)) {
    leave_search(*s.rt);
    return;
  }
  const std::uint64_t word = s.word->load(std::memory_order_acquire);
  (void)shim::wake(*s.rt->workers().at(worker_of(word)).task);
}

FiberCore* find_work(Worker& w) noexcept {
  RuntimeCore& rt = *w.rt;
  Server& s = *w.server;
  rt.idle().begin_search();
  for (;;) {
    FiberCore* f = look_here(s);
    if (f == nullptr) f = search(s);
    if (f != nullptr) {
      leave_search(rt);
      ensure_watched(s);
      return f;
    }
    rt.idle().publish(s.index);
    rt.idle().end_search();
    rt.signal_if_idle();
    rt.monitor().tell_if_all_sleep();
    if (has_work_for(s) || rt.workers().stopping()) {
      // Who finds one fiber here must see to it that somebody looks for the next, since its
      // submitter saw a searcher and woke nobody.
      take_out_to_search(s);
    } else {
      pass_on(s);
      if (s.is_hooked()) at_sleep(s);
      sleep(w, s);
      if (s.is_hooked()) at_wake(s);
    }
    if (rt.workers().stopping()) {
      rt.idle().end_search();
      return nullptr;
    }
  }
}

}  // namespace umcg::inline v0::internal
