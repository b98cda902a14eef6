// SPDX-License-Identifier: Apache-2.0
// bound.h - bound fibers: those that have an OS thread of their own for life.
//
// A bound fiber is scheduled like any other: it waits in a queue for its turn and runs while it
// holds a server. Only that its turn is not a jump to its stack, which is its thread's, but a
// switch of threads: the worker that picks it gives it the server and goes to sleep, in one
// umcg_swap; and when it parks it gives the server to an idle worker. So there is never more than
// one of a server's threads at work, which is what UMCG was made for.
//
// Its worker is an ordinary one, taken from the pool for the time (Worker::bound_to) and added to
// what max_workers allows. The race that matters: a bound fiber that parks may be woken, picked and
// given another server while it still holds its own. So it first gives its server away and only
// then becomes claimable (park_bound): from the moment it can be woken it holds none.
#ifndef UMCG_RUNTIME_HANDOFF_BOUND_H_
#define UMCG_RUNTIME_HANDOFF_BOUND_H_

namespace umcg::inline v0::internal {

class Waiter;
struct FiberCore;
struct Server;
struct Worker;

// Before the fiber is queued for the first time. Throws std::system_error if there is no thread.
void take_bound_worker(FiberCore& fiber);
Worker& bound_worker(const FiberCore& fiber) noexcept;

// --- on the bound fiber's thread ---

// The life of the fiber, from order to end. Comes back as an idle worker, or holding a server.
void run_bound(Worker& worker, FiberCore& fiber) noexcept;
void park_bound(Worker& worker, FiberCore& fiber, Waiter& waiter) noexcept;
// Holding a server, inside the runtime: lets others go first. Comes back outside.
void yield_bound(Worker& worker, FiberCore& fiber) noexcept;
// Without a server: queues up for one. Comes back inside the runtime.
void wait_for_turn(Worker& worker, FiberCore& fiber) noexcept;

// --- on the host of the worker that picked it, inside the runtime ---

// Gives the server to the fiber's worker, which the caller is to wake when it goes to sleep.
void give_turn(Worker& worker, FiberCore& fiber) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_BOUND_H_
