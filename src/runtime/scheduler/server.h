// SPDX-License-Identifier: Apache-2.0
// server.h - Server: the right to use one CPU, with the queues and caches that go with it.
//
// Everything here that is not atomic belongs to the worker that holds the server, and passes on
// with it (handoff.h).
#ifndef UMCG_RUNTIME_SCHEDULER_SERVER_H_
#define UMCG_RUNTIME_SCHEDULER_SERVER_H_

#include <atomic>
#include <cstdint>

#include "kernel_shim/trust.h"
#include "runtime/base/relaxed.h"
#include "runtime/fiber/fiber_slab.h"
#include "runtime/scheduler/counters.h"
#include "runtime/scheduler/ready_ring.h"
#include "runtime/scheduler/spawn_deque.h"
#include "runtime/scheduler/thief_gate.h"
#include "runtime/stack/stack.h"
#include "runtime/time/timer_heap.h"
#include "runtime/trace/trace_event.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
class TraceRing;
struct Worker;

// Written by whoever has just taken the server, read by the new holder (points.h).
struct HandoffNote {
  Relaxed<HandoffCause> cause;
  Relaxed<std::int64_t> since;   // ns
  Relaxed<std::uint64_t> fiber;  // that ran on it
  Relaxed<int> system_call;      // that the old worker was in, or -1
};

// Of Server::hooks.
inline constexpr std::uint8_t kTraceHook = 1;
inline constexpr std::uint8_t kChaosHook = 2;

struct alignas(128) Server {
  static constexpr std::uint32_t kKeepStacks = 64;
  static constexpr std::size_t kKeepFibers = 512;

  RuntimeCore* rt = nullptr;
  std::uint32_t index = 0;
  int cpu = -1;  // to which workers tie themselves, or -1

  // Who holds the server, and the state of a claim: see server_word.h. In memory that a fork wipes.
  std::atomic<std::uint64_t>* word = nullptr;
  // An idle worker set aside to take over. Taken by exchange, set by CAS from null.
  std::atomic<Worker*> spare{nullptr};
  // Workers that compute on without this server: see hogs.h.
  std::atomic<std::uint32_t> hogs{0};
  bool is_beside_hog() const noexcept { return hogs.load(std::memory_order_relaxed) != 0; }

  // Why the points of the hot paths are to be looked at (points.h); 0: they are not. Written by
  // whoever begins and ends a trace, and before there are workers.
  std::atomic<std::uint8_t> hooks{0};
  bool is_hooked() const noexcept { return hooks.load(std::memory_order_relaxed) != 0; }

  // The holder's.
  std::atomic<std::uint32_t> tick{0};       // one more with each fiber picked; the monitor reads it
  std::uint32_t next_look = 1;              // the tick of the next look beyond the queues
  bool look_fairly = false;                 // at every second of them
  std::atomic<std::uint32_t> long_turn{0};  // the tick of one, as the monitor found
  bool runs_long() const noexcept {
    return long_turn.load(std::memory_order_relaxed) == tick.load(std::memory_order_relaxed);
  }
  bool short_slices = false;       // the holder's thread has them (TimeSlice::kShort)
  std::int64_t next_fresh_at = 0;  // beside a hog: when to begin a new fiber,
  std::int64_t next_hog_at = 0;    // and when one that will be another
  shim::Trust<2> search_pays;
  std::uint32_t random = 1;
  std::int64_t oldest_fresh = 0;        // which new fiber was the oldest at the last fair pick,
  std::int64_t oldest_fresh_since = 0;  // and since when, as far as is known
  std::uint32_t stack_count = 0;
  Stack* stacks = nullptr;  // warm, of the default size
  FiberChain free_fibers;
  std::uint64_t next_id = 0;
  std::uint64_t end_of_ids = 0;

  ThiefGate gate;  // to the next two
  SpawnDeque fresh;
  ReadyRing ready;
  TimerHeap timers;
  Counters counters;

  // Where the holder records events; null before the first trace. Written before `hooks`.
  std::atomic<TraceRing*> trace_ring{nullptr};
  HandoffNote handoff_note;

  bool looks_empty() const noexcept { return ready.looks_empty() && fresh.looks_empty(); }

  std::uint32_t next_random() noexcept {  // xorshift32
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    return random;
  }
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_SERVER_H_
