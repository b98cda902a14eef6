// SPDX-License-Identifier: Apache-2.0
// scheduler.h - what the rest of the runtime asks of the scheduler, and the steps it is made of.
//
// A fiber that parks switches straight to the next one: there is no scheduler context in between.
//   - the next one is suspended: jump to its stack
//   - it is new: jump to a warm stack of the server, in whose entry loop (fiber_loop.cc) it runs.
//   When it
//     ends and the next one is new too, that runs in the same loop with no switch at all
//   - nothing is ready here: jump to the worker's own stack (host.cc), which steals, waits or goes
//   idle
// What must happen after the old context is saved is noted in Worker::after and done on the far
// side.
#ifndef UMCG_RUNTIME_SCHEDULER_SCHEDULER_H_
#define UMCG_RUNTIME_SCHEDULER_SCHEDULER_H_

#include <cstdint>

#include "runtime/context/context.h"
#include "runtime/fiber/fiber_slab.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
class Timer;
class Waiter;
struct Server;

// --- from user code (outside the runtime) ---

// Makes a parked fiber ready. Any thread; never suspends. On a worker of the fiber's runtime it
// goes to that worker's server, else to the shared queue.
void make_ready(FiberCore* fiber) noexcept;
// Several at once, of any runtimes. Not inside the runtime.
void make_ready(FiberChain chain) noexcept;
// The current fiber, unpinned, leaves its stack until the waiter is claimed.
void park(Waiter& waiter);
// The current fiber, unpinned and unbound, leaves its stack until it is made ready by whoever finds
// it where the entry has put it, or at once if there was no place.
void park(DirectEntry& entry);
// The current fiber, unpinned and unbound, leaves its stack until the other one has ended. Nobody
// else may wait for that meanwhile.
void park_until_end(FiberCore& other);
// The current fiber, or plain thread, lets others go first.
void yield_current();
// Makes sure that the current fiber, unpinned, runs on a worker with a server.
void regain_server();
// Sees to it that the timer fires.
void arm_timer(Timer& timer) noexcept;

// --- inside the runtime, by the holder of the server; the queues are in queues.h ---

// Prepares the switch to `next` (null: the host) and says whose context to jump to.
Context& destination(Worker& w, FiberCore* next) noexcept;
// First thing on arrival at `self`, with what the jump has brought.
Worker& arrive(void* worker, Context& self) noexcept;

void keep_stack(Worker& w, Stack* stack) noexcept;
// For a fiber whose worker has lost its server: sees to it that it goes on with one, here or
// elsewhere. Comes back inside the runtime.
Worker& migrate(Worker& overtaken, FiberCore& f) noexcept;

// Entry point of every fiber stack.
void fiber_loop(void* worker);
// Runs the server's fibers until the worker has lost it or the runtime ends.
void host_loop(Worker& w) noexcept;
// Steals, waits, sleeps, until there is a fiber to run; null when the runtime ends. On the host.
FiberCore* find_work(Worker& w) noexcept;

// Something was queued or armed and a sleeper may be needed: wakes the monitor if it sleeps, and
// one server if one sleeps while none searches.
void wake_for_work(RuntimeCore& rt) noexcept;
// A fiber of another server, though this one has some; null: there is none. By the holder.
FiberCore* steal_early(Server& s) noexcept;
// Wakes this one if it sleeps.
void wake_server(Server& s) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_SCHEDULER_H_
