// SPDX-License-Identifier: Apache-2.0
// points.h - named points of the protocols, at which a trace records what happens, and chaos
// (chaos.h) interferes.
//
// On the hot paths a point is one branch on a byte of the server (Server::is_hooked), which nobody
// writes unless a trace begins or ends; the rest is out of line. Elsewhere it is a call. The record
// comes before what it tells of is published: before a fiber is queued, so that the event of its
// being taken is later.
#ifndef UMCG_RUNTIME_SCHEDULER_POINTS_H_
#define UMCG_RUNTIME_SCHEDULER_POINTS_H_

#include <cstdint>

#include "runtime/scheduler/chaos.h"
#include "runtime/trace/trace_event.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct FiberCore;
struct Server;
struct Worker;

// --- hot: the holder, inside the runtime, if the server is hooked ---

// The worker is about to leave `f`, for `next` or, with null, the host. A park picks `next` here:
// so the common path has nothing to keep over pick_next().
[[gnu::cold]] FiberCore* pick_at_park(Worker& w, const FiberCore& f) noexcept;
[[gnu::cold]] void at_yield(Worker& w, const FiberCore& f, const FiberCore* next) noexcept;
// The fiber's function has returned; nobody knows yet. Then what comes after it: a new fiber would
// run on the same stack if `keeps_stack`.
[[gnu::cold]] void at_end(Worker& w, const FiberCore& f) noexcept;
[[gnu::cold]] void at_next(Worker& w, const FiberCore* next, bool keeps_stack) noexcept;
// About to be queued.
[[gnu::cold]] void at_spawn(Worker& w, const FiberCore& f) noexcept;
// True: chaos has queued it elsewhere.
[[gnu::cold]] bool at_unpark(Worker& w, FiberCore& f) noexcept;

// --- the holder, inside the runtime ---

[[gnu::cold]] void at_run(Worker& w, const FiberCore& f) noexcept;
[[gnu::cold]] void at_timer(Server& s, const FiberCore& f) noexcept;
[[gnu::cold]] void at_steal(Server& thief, const Server& victim, const FiberCore& f) noexcept;
[[gnu::cold]] void at_sleep(Server& s) noexcept;
[[gnu::cold]] void at_wake(Server& s) noexcept;
// The first thing that a new holder does.
[[gnu::cold]] void at_handoff(Worker& w) noexcept;

// --- whoever holds no server ---

[[gnu::cold]] void at_spawn_outside(const FiberCore& f) noexcept;
[[gnu::cold]] void at_unpark_outside(const FiberCore& f) noexcept;
// The worker learns, or knows, that it has lost its server while a fiber ran on.
[[gnu::cold]] void at_return(Worker& w) noexcept;
// Its fiber is about to be queued.
[[gnu::cold]] void at_queue(RuntimeCore& rt, const FiberCore& f) noexcept;
[[gnu::cold]] void at_end_outside(const FiberCore& f) noexcept;
// A bound fiber is about to wait with its thread.
[[gnu::cold]] void at_park_outside(const FiberCore& f) noexcept;

// --- anybody ---

// Chaos, and nothing else. No brief lock is held.
void hold_up(RuntimeCore& rt, ChaosPoint point) noexcept;

// --- whoever has just taken the server, and not yet passed it on ---

// For at_handoff(): why, since when (ns), and from whom, if from anybody.
void note_handoff(Server& s, HandoffCause cause, std::int64_t since, Worker* from) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_POINTS_H_
