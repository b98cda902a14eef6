// SPDX-License-Identifier: Apache-2.0
// queues.h - which fiber is next, and where a ready one goes: the part of each switch, to be
// inlined. What happens now and then is in queues.cc, with the rules.
#ifndef UMCG_RUNTIME_SCHEDULER_QUEUES_H_
#define UMCG_RUNTIME_SCHEDULER_QUEUES_H_

#include <atomic>
#include <cstdint>

#include "runtime/runtime_core.h"
#include "runtime/scheduler/server.h"

namespace umcg::inline v0::internal {

// All by the holder of the server, inside the runtime.

// In which order the queues are asked.
enum class Picking : std::uint8_t {
  kPark,   // fibers that go on before new ones: a tree of fibers shrinks before it grows
  kYield,  // new ones first: who yields wants to see others run
};

// Each kLookPeriod picks: fires timers, and returns a fiber that would starve otherwise, or null.
FiberCore* look_further(Server& s) noexcept;
// Where new fibers are picked with care: beside a hog, or with the time slices of one.
FiberCore* pop_fresh_slow(Server& s) noexcept;
FiberCore* take_injected(Server& s) noexcept;
// One that goes on after a wait; null if another server was faster.
FiberCore* take_urgent(Server& s) noexcept;
// The fiber found its queue full: it goes to the shared one, with half of that.
[[gnu::cold]] void overflow_ready(Server& s, FiberCore* fiber) noexcept;
[[gnu::cold]] void overflow_fresh(Server& s, FiberCore* fiber) noexcept;
// Somebody listens, who may have to learn of what was queued.
void notify_listeners(Server& s) noexcept;

// In turn 31 and 30, so that a fair pick is each 61st: a prime falls in step with nothing, such as
// two picks in turn.
inline constexpr std::uint32_t kLookPeriod = 31;
// Of so many picks one looks whether somebody from outside has woken a fiber. Who woke it may wait
// for what it does: between two runtimes that are both at work, on average half a period each way.
inline constexpr std::uint32_t kUrgentPeriod = 8;

[[gnu::always_inline]] inline FiberCore* pop_fresh(Server& s) noexcept {
  if (s.is_beside_hog() || s.short_slices) [[unlikely]] {
    return pop_fresh_slow(s);
  }
  return s.fresh.pop(s.gate);
}

// The next fiber of this server, or null.
[[gnu::always_inline]] inline FiberCore* pick_next(Server& s, Picking picking) noexcept {
  const std::uint32_t tick = s.tick.load(std::memory_order_relaxed) + 1;
  s.tick.store(tick, std::memory_order_relaxed);
  if (tick == s.next_look) [[unlikely]] {
    if (FiberCore* f = look_further(s)) return f;
  }
  if (tick % kUrgentPeriod == 0 && s.rt->inject_queue().urgent_hint() != 0) [[unlikely]] {
    if (FiberCore* f = take_urgent(s)) return f;
  }
  FiberCore* f;
  if (picking == Picking::kPark) {
    f = s.ready.pop(s.gate);
    if (f == nullptr) f = pop_fresh(s);
  } else {
    f = pop_fresh(s);
    if (f == nullptr) [[likely]] {
      f = s.ready.pop(s.gate);
    }
  }
  if (f != nullptr) [[likely]] {
    return f;
  }
  return take_injected(s);
}

// After the fiber was queued. No fence in between: who listens sees to the order (idle_set.h), but
// the compiler must keep it.
inline void notify_work(Server& s) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (s.rt->idle().has_listeners()) [[unlikely]] {
    notify_listeners(s);
  }
}

inline void push_ready(Server& s, FiberCore* fiber) noexcept {
  if (!s.ready.push(fiber)) [[unlikely]] {
    overflow_ready(s, fiber);
  }
  notify_work(s);
}

// Tells nobody: by one who is counted as searching, and leaves that when it has the first of them.
inline void queue_ready(Server& s, FiberChain chain) noexcept {
  while (FiberCore* f = chain.pop_front()) {
    if (!s.ready.push(f)) overflow_ready(s, f);
  }
}

// One look for all of them.
inline void push_ready(Server& s, FiberChain chain) noexcept {
  queue_ready(s, chain);
  notify_work(s);
}

inline void push_fresh(Server& s, FiberCore* fiber) noexcept {
  if (!s.fresh.push(fiber)) [[unlikely]] {
    overflow_fresh(s, fiber);
  }
  notify_work(s);
}

void fire_due_timers(Server& s) noexcept;
// Those of the other servers too, which may all sleep: for one that is awake with nothing to do and
// counted as searching. Tells the monitor only, see queue_ready(). False: there were none.
bool fire_all_due_timers(Server& s) noexcept;
// After fibers came to the server's queues by another way than push_...(): arms its standby.
void ensure_watched(Server& s) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_QUEUES_H_
