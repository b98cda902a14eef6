// SPDX-License-Identifier: Apache-2.0
// handoff.h - a server passes from one worker to another. The word's protocol is in server_word.h.
//
// Given away: the holder, inside the runtime, writes the new holder's name and wakes it (assign).
// Used by blocking_now(), by waits under a ThreadPin and by chaos. Claimed: an idle worker takes
// the server of one that does not give it (try_claim). Used for offers of blocking() and for
// workers seen to block. Either way what belonged to the old holder is published by a release store
// or a context switch, and the old holder learns of it at its next Enter, or knows. A worker
// without a server is "overtaken": it runs its fiber's user code on, acts as a plain thread in
// functions that never suspend, and in one that may it queues its fiber and goes back to the pool.
#ifndef UMCG_RUNTIME_HANDOFF_HANDOFF_H_
#define UMCG_RUNTIME_HANDOFF_HANDOFF_H_

#include <cstdint>

#include "runtime/trace/trace_event.h"

namespace umcg::inline v0::internal {

struct Server;
struct Worker;

// A worker that holds its server no more, inside or outside, takes note of it.
void lose_server(Worker& w) noexcept;

// The holder, inside the runtime. Gives its server to an idle worker and ends the Enter. False,
// with nothing changed, if there is no idle worker. With kHog the worker computes on.
bool give_server_away(Worker& w, HandoffCause cause) noexcept;

// Outside the runtime, on a worker that is about to block its thread with a pinned fiber.
void hand_over_for_pin(Worker& w) noexcept;

// Outside the runtime. Makes a worker if none is idle, then gives the server away. False if the
// bound or the system refuses; the worker keeps its server then, on offer.
bool hand_over_now(Worker& w, HandoffCause cause) noexcept;
// The holder, outside the runtime: anybody may take the server, until the holder enters again.
void offer_server(Worker& w) noexcept;

// Whether the holder of a server may be blocked: it can be watched, and is outside the runtime,
// where alone anything blocks. By anybody; it may change at once.
bool may_be_blocked(const Worker& holder) noexcept;

// By the monitor, of a worker whose CPU clock has stood still for so long: whether it is blocked in
// the kernel, not only preempted. Without /proc that takes it some time to believe.
bool is_blocked(const Worker& w, std::int64_t stood_still) noexcept;

// By a worker without a server, for itself. True: it holds the server, but has not attached to it
// yet. The cause is what led it here: kStandby, kMonitor, kReturn.
bool try_claim(Worker& claimer, Server& server, HandoffCause cause) noexcept;

// By the monitor, for an idle worker of which it disposes. Takes the server of the worker that it
// has seen computing, whose word that is, with a barrier on all threads in place of the look at
// clocks. True: the server is the caller's until it assigns it to the idle worker. False, with
// nothing changed, if the other one was inside the runtime or has the server no more: the next
// holder is no hog, and may have no thread yet.
bool take_from_running(Worker& next, Server& server, std::uint64_t word) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_HANDOFF_H_
