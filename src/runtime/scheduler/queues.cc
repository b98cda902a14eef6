// SPDX-License-Identifier: Apache-2.0
// queues.cc - which fiber is next, and where a ready one goes.
//
// A server asks its own two queues first. Each kLookPeriod times, or one less, it looks further: at
// the clock, if a timer is armed; and every second time, lest anything starve, one fiber of the
// shared queue goes first, or the oldest new fiber if it has stood at the end of its queue for
// kPatience, or the oldest that goes on. Fibers of the shared queue that go on after a wait are
// looked for more often, each kUrgentPeriod picks: a look is one load. Not so new ones, which may
// be the half of a tree that had no room (see below).
//
// Beside a hog (hogs.h) a server takes woken fibers, and new ones only now and then.
//
// Fairness has a price here. A tree of fibers runs depth-first only as long as nothing but the
// newest new fiber is taken. Each time an old one is taken, from near the root, another branch of
// the tree comes to life with its stacks: taken each 60th time or so, 70,000 stacks for a tree 27
// deep. Hence kPatience.
#include "runtime/scheduler/queues.h"

#include <algorithm>

#include "runtime/base/clock.h"
#include "runtime/context/thread_state.h"
#include "runtime/handoff/hogs.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::int64_t kPatience = 10'000'000;
constexpr std::size_t kInjectBatch = 128;

// Detached from the start, so that a holder at rest stays behind.
FiberCore* begin_as_hog(FiberCore* f) noexcept {
  f->patient = false;
  current_worker()->at_leave |= kDetachAtLeave;
  return f;
}

// Of the shared queue, or null. What computed for long before it was queued will do so again.
FiberCore* begin_injected(FiberCore* f) noexcept {
  return f != nullptr && f->patient ? begin_as_hog(f) : f;
}

// Beside a hog: the oldest, one each Hogs::kPatience, and none at all beside the most hogs.
FiberCore* pop_fresh_beside_hog(Server& s) noexcept {
  const std::int64_t now = now_ns();
  if (now < s.next_fresh_at || s.hogs.load(std::memory_order_relaxed) >= Hogs::kMost) {
    return nullptr;
  }
  s.next_fresh_at = now + Hogs::kPatience;
  FiberCore* f = s.fresh.steal();
  if (f == nullptr) f = s.rt->inject_queue().pop_other(now >= s.next_hog_at);
  return f != nullptr ? begin_as_hog(f) : nullptr;
}

FiberCore* pick_fairly(Server& s) noexcept {
  if (s.is_beside_hog()) return nullptr;
  if (s.rt->inject_queue().size_hint() != 0) {
    if (FiberCore* f = s.rt->inject_queue().pop(1).pop_front()) return begin_injected(f);
  }
  const std::int64_t oldest = s.fresh.oldest();
  const std::int64_t now = now_ns();
  s.gate.review(now);
  if (oldest != s.oldest_fresh) {
    s.oldest_fresh = oldest;
    s.oldest_fresh_since = now;
  } else if (now - s.oldest_fresh_since >= kPatience) {
    if (FiberCore* f = s.fresh.steal()) return f;
  }
  return s.ready.pop(s.gate);
}

// Fibers that have stood in the shared queue may be many, and their stacks in no cache any more. A
// stack after the other, each is six misses or so, of the TLB too: 660 ns to go on and end. Asked
// for together they overlap: 250.
void prefetch_stacks(const FiberChain& chain) noexcept {
  for (const FiberCore* f = chain.first; f != nullptr; f = f->next) {
    if (f->stack != nullptr) prefetch(*f->stack);
  }
}

void overflow(Server& s, FiberChain half, FiberCore* fiber) noexcept {
  half.push_back(fiber);
  count_here(s.counters.overflows);
  s.rt->inject_queue().push(half);
}

FiberChain fire(Server& s, TimerHeap& timers, std::int64_t now) noexcept {
  std::uint64_t fired = 0;
  const FiberChain due = timers.fire(now, &fired);
  if (s.is_hooked()) [[unlikely]] {
    for (const FiberCore* f = due.first; f != nullptr; f = f->next) at_timer(s, *f);
  }
  count_here(s.counters.timers_fired, fired);
  return due;
}

}  // namespace

void notify_listeners(Server& s) noexcept {
  IdleSet::fence_of_submitter();
  RuntimeCore& rt = *s.rt;
  if (rt.idle().somebody_must_know()) wake_for_work(rt);
  if (rt.idle().is_unwatched(s.index)) rt.standby_of(s)->arm();
}

FiberCore* take_injected(Server& s) noexcept {
  RuntimeCore& rt = *s.rt;
  const std::size_t size = rt.inject_queue().size_hint();
  if (size == 0) return nullptr;
  const std::size_t share = std::min(size / rt.servers().size() + 1, kInjectBatch);
  const bool beside_hog = s.is_beside_hog();
  FiberChain chain =
      beside_hog ? rt.inject_queue().pop_urgent(share) : rt.inject_queue().pop(share);
  FiberCore* const first = chain.pop_front();
  const bool has_more = !chain.empty();
  prefetch_stacks(chain);
  while (FiberCore* f = chain.pop_front()) {
    const bool kept = f->needs_stack() ? s.fresh.push(f) : s.ready.push(f);
    if (!kept) {
      chain.push_front(f);
      rt.inject_queue().push(chain);
      break;
    }
  }
  if (has_more) {
    // Between the two queues they were in none: whoever fell asleep meanwhile did not see them.
    notify_work(s);
  } else {
    ensure_watched(s);
  }
  return begin_injected(first);
}

FiberCore* take_urgent(Server& s) noexcept {
  return s.rt->inject_queue().pop_urgent(1).pop_front();
}

FiberCore* pop_fresh_slow(Server& s) noexcept {
  if (s.is_beside_hog()) return pop_fresh_beside_hog(s);
  // What is begun now may compute for long.
  s.short_slices = false;
  set_time_slice(*current_worker(), TimeSlice::kUsual);
  return s.fresh.pop(s.gate);
}

void ensure_watched(Server& s) noexcept {
  IdleSet::fence_of_submitter();
  if (s.rt->idle().is_unwatched(s.index) && s.rt->has_queued_work()) {
    s.rt->standby_of(s)->arm();
  }
}

FiberCore* look_further(Server& s) noexcept {
  fire_due_timers(s);
  s.look_fairly = !s.look_fairly;
  s.next_look += s.look_fairly ? kLookPeriod - 1 : kLookPeriod;
  return s.look_fairly ? nullptr : pick_fairly(s);
}

void overflow_ready(Server& s, FiberCore* fiber) noexcept {
  overflow(s, s.ready.take_half(), fiber);
}

void overflow_fresh(Server& s, FiberCore* fiber) noexcept {
  overflow(s, s.fresh.take_half(), fiber);
}

void fire_due_timers(Server& s) noexcept {
  const std::int64_t earliest = s.timers.earliest_hint();
  if (earliest == kNeverNs) return;
  const std::int64_t now = now_ns();
  if (earliest <= now) push_ready(s, fire(s, s.timers, now));
}

bool fire_all_due_timers(Server& s) noexcept {
  const std::int64_t earliest = s.rt->earliest_deadline();
  if (earliest == kNeverNs) return false;
  const std::int64_t now = now_ns();
  if (earliest > now) return false;
  for (Server& other : s.rt->servers()) {
    if (other.timers.earliest() <= now) queue_ready(s, fire(s, other.timers, now));
  }
  s.rt->monitor().wake_if_asleep();
  return true;
}

}  // namespace umcg::inline v0::internal
