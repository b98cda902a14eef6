// SPDX-License-Identifier: Apache-2.0
// kernel.h - the UMCG API for OS threads, in C: wait, wake, swap. Servers and workers are in
// kernel_workers.h, which this file includes.
//
// A thread that registers becomes a *core task* and gets a tid, by which the threads of this
// process may wake it. The calls have the meaning of the system calls of the UMCG patches (v0.1);
// they run on a stock kernel. They concern OS threads: umcg_wait() blocks the thread it is called
// on. Fibers have better means (event.h); a fiber that calls umcg_wait() blocks as in any system
// call.
//
//     umcg_tid self;
//     umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &self);
//     publish(self);                             // another thread calls umcg_wake(0, self)
//     while (umcg_wait(0, NULL) == -EINTR) {}    // returns 0 when it has
//     umcg_unregister_task(0);
//
// wait and wake may race in any order. A wake-up that finds its task running is queued and ends
// the task's next wait at once; at most one is queued. A wake-up that has been given is never
// lost: it wins over a signal and over a timeout, and those leave the task such that it can wait
// again. There are no spurious returns. A task that exits is unregistered; a forked child has no
// tasks. tids are never used again.
//
// All functions return 0 or a negative errno value, and leave errno alone. None allocates but
// umcg_register_task(). umcg_wake() and umcg_get_task_state() may be called in a signal handler; so
// may the others, but a handler that interrupted a wait cannot wait itself (-EINVAL).
//
// Memory order: umcg_wake() happens before the return of the wait that it ends, and so does an
// umcg_wake() that returned -EAGAIN because another wake-up was queued already.
#ifndef UMCG_KERNEL_H_
#define UMCG_KERNEL_H_

#include <stdint.h>
#include <time.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define UMCG_KERNEL_API __attribute__((visibility("default")))

// Names a registration for ever: {generation, slot}. 0: no task.
typedef uint64_t umcg_tid;

// What umcg_register_task() is given: the version, and "no group".
#define UMCG_API_VERSION 1u
#define UMCG_NOID UINT32_MAX

// Flags of umcg_register_task().
#define UMCG_REGISTER_CORE_TASK 0u
#define UMCG_REGISTER_WORKER 1u
#define UMCG_REGISTER_SERVER 2u

// The states that a core task has, and the flag that may be set in RUNNING. Those of
// workers and servers: kernel_workers.h.
#define UMCG_TASK_STATE_MASK 0xffu
#define UMCG_TASK_NONE 0u      // not registered
#define UMCG_TASK_RUNNABLE 4u  // in umcg_wait(), until somebody wakes it
#define UMCG_TASK_RUNNING 5u
#define UMCG_TF_WAKEUP_QUEUED (1u << 8)

// Any thread. 0: this version is supported. Positive: it is not, and this is the highest that is.
// -EINVAL: flags is not 0.
UMCG_KERNEL_API long umcg_api_version(uint32_t requested, uint32_t flags);

// Any thread that is not registered. Makes it a task in state RUNNING and stores its tid.
// flags: UMCG_REGISTER_CORE_TASK, and then group_id is UMCG_NOID; or one of the others, with a
// group. A worker is UNBLOCKED, and the call returns when a server runs it. A server is PROCESSING.
// -EOPNOTSUPP: api_version is not supported. -EINVAL: registered already, exiting, self is NULL, a
// wrong flag, a core task with a group; or the group may send SIGTRAP, and the thread blocks it.
// -ESRCH: no such group. -ENOMEM: no memory, or no file descriptor.
UMCG_KERNEL_API int umcg_register_task(uint32_t api_version, uint32_t flags, uint32_t group_id,
                                       umcg_tid* self);

// A registered thread, for itself; a queued wake-up is dropped. The end of a thread does the same.
// From here on its tid gives -ESRCH. -EINVAL: not registered, flags is not 0, or called in a signal
// handler that interrupted a worker or server in one of these functions.
UMCG_KERNEL_API int umcg_unregister_task(uint32_t flags);

// A core task or worker. Blocks until somebody wakes it; returns at once, without a system call, if
// a wake-up is queued. abs_timeout is CLOCK_MONOTONIC; NULL: never. -EINTR: a signal handler ran,
// one without SA_RESTART (or any, if there is a timeout). -ETIMEDOUT: the time has come, maybe
// before the call. In both cases nobody has woken the task, and it may wait again. -EINVAL: not
// registered, a server, flags is not 0, or a malformed time.
UMCG_KERNEL_API int umcg_wait(uint32_t flags, const struct timespec* abs_timeout);

// Any thread of the process, registered or not, for itself too. Never blocks. Ends the wait of
// next, or queues a wake-up (then without a system call). -EAGAIN: one is queued already. -ESRCH:
// no such task, or no longer. -EINVAL: next is 0 or a server, or flags is not 0.
UMCG_KERNEL_API int umcg_wake(uint32_t flags, umcg_tid next);

// A core task or worker. umcg_wake(next), then umcg_wait(). If waking fails it returns that error
// and does not wait. After -EINTR and -ETIMEDOUT next has been woken: go on with umcg_wait(). If
// next last waited on another CPU, the caller looks for its answer for up to 50 us before it
// sleeps. Errors: those of umcg_wake() and umcg_wait(), and -EINVAL: next is the caller.
UMCG_KERNEL_API int umcg_swap(uint32_t wake_flags, umcg_tid next, uint32_t wait_flags,
                              const struct timespec* abs_timeout);

// Any thread of the process. Stores a state UMCG_TASK_*, with UMCG_TF_WAKEUP_QUEUED if it is set;
// it may be out of date by the time it is read.
// -ESRCH: no such task, or no longer. -EINVAL: tid is 0 or state is NULL.
UMCG_KERNEL_API int umcg_get_task_state(umcg_tid tid, uint32_t* state);

#if defined(__cplusplus)
}
#endif

#include "umcg/kernel_workers.h"

#endif  // UMCG_KERNEL_H_
