// SPDX-License-Identifier: Apache-2.0
// kernel_workers.h - the UMCG API's other half, in C: servers run workers.
//
// A *group* has servers and workers, which are OS threads. A server stands for a CPU: it decides
// which worker runs. A worker runs only while a server runs it; when it waits or blocks in the
// kernel, the server gets its turn back and runs another one. So a program schedules its own
// threads, which stay ordinary threads. Include umcg/kernel.h.
//
//     umcg_tid worker;                                        // the loop of a server
//     while (go_on() && umcg_poll_worker(0, &worker) == 0) {  // a worker that wants to run
//       umcg_run_worker(0, worker, &worker);                  // until it blocks, waits or ends
//     }
//
//   worker      means                                    and then
//   UNBLOCKED   wants to run                             umcg_poll_worker(): RUNNABLE
//   RUNNABLE    in umcg_wait(), or polled, or PREEMPTED  umcg_run_worker(): RUNNING
//   RUNNABLE    in umcg_wait()                           umcg_wake(): UNBLOCKED
//   RUNNING     a server runs it                         it waits: RUNNABLE; it blocks: BLOCKED
//   BLOCKED     asleep in the kernel                     it comes back: UNBLOCKED
//
// A server is PROCESSING: it runs; POLLING in umcg_poll_worker(), SERVING in umcg_run_worker().
//
// A worker's umcg_wait() ends when a server runs it: after a wake-up, which makes it UNBLOCKED; or
// because a server has chosen it as it was, which is how a worker yields. After a signal or a
// timeout, too, it first has to be run. umcg_swap() from one worker to another that is RUNNABLE, of
// the same group, hands the server on; its umcg_run_worker() goes on. A wake-up of a worker that
// does not wait is queued, that of a swap too. umcg_wait() and umcg_swap() are not for servers, nor
// can they be woken.
//
// Blocks are seen by a thread of the group, some 0.1 to 2 ms late; those in umcg_wait() and
// umcg_swap() at once. A worker whose system call has returned runs on, without a server, until it
// calls umcg_wait(), umcg_swap() or umcg_unregister_task(), unless the group has UMCG_GROUP_PARK.
//
// The functions leave errno alone. Not in signal handlers, but for umcg_preempt_worker(); and a
// handler must not leave one of them by a jump or by ending the thread.
#ifndef UMCG_KERNEL_WORKERS_H_
#define UMCG_KERNEL_WORKERS_H_

#include "umcg/kernel.h"

#if defined(__cplusplus)
extern "C" {
#endif

// The states of servers and workers, beside those of kernel.h, and a flag.
#define UMCG_TASK_POLLING 1u
#define UMCG_TASK_SERVING 2u
#define UMCG_TASK_PROCESSING 3u
#define UMCG_TASK_BLOCKED 6u
#define UMCG_TASK_UNBLOCKED 7u
#define UMCG_TF_PREEMPTED (1u << 10)  // of RUNNABLE

// Flags of umcg_create_group(). Both use SIGTRAP: the process gets a handler, which passes on what
// it does not know, and workers must not block the signal.
#define UMCG_GROUP_PREEMPTION (1u << 0)  // umcg_preempt_worker() works
// After a block a worker stops before its next instruction until a server runs it; so at most one
// for each server runs user code. One that sleeps for a page cannot be stopped, and keeps its own.
#define UMCG_GROUP_PARK (1u << 1)

// Flags of umcg_poll_worker().
#define UMCG_POLL_NOWAIT (1u << 0)

// Any thread. Above 0: the group's number, never used again. Starts a thread.
// -EOPNOTSUPP: api_version is not supported, or the system does not give what flags ask for, which
// is tried; nor does ThreadSanitizer. -EINVAL: unknown flags. -ENOMEM: no memory or thread, or 1024
// groups are there already.
UMCG_KERNEL_API int umcg_create_group(uint32_t api_version, uint64_t flags);

// Any thread. -ESRCH: no such group. -EBUSY: it has members.
UMCG_KERNEL_API int umcg_destroy_group(uint32_t group_id);

// A server. Stores the worker that has been UNBLOCKED for longest, now RUNNABLE; sleeps until there
// is one. -EINTR: a signal handler ran, and there is none. -EAGAIN: UMCG_POLL_NOWAIT, and there is
// none. -EINVAL: not a server, unknown flags, or worker is NULL.
UMCG_KERNEL_API int umcg_poll_worker(uint32_t flags, umcg_tid* worker);

// A server. Runs a RUNNABLE worker of its group, and returns when the worker that it runs, this one
// or one that got the server by umcg_swap(), is BLOCKED or RUNNABLE. Stores its tid in last; 0: it
// has unregistered or ended. Signals do not end the call.
// -EAGAIN: the worker is not RUNNABLE. -ESRCH: no such task, or no longer. -EINVAL: not a server,
// not a worker of the group, flags is not 0, or last is NULL.
UMCG_KERNEL_API int umcg_run_worker(uint32_t flags, umcg_tid worker, umcg_tid* last);

// Any thread, in signal handlers too. A RUNNING worker becomes RUNNABLE and PREEMPTED as soon as it
// runs user code, and its server goes on; a system call that it is in is not disturbed. Where the
// system has no means for that (perf_event_paranoid above 2), a signal is sent instead, which may
// end a system call with EINTR. -EAGAIN: it is not RUNNING, or asked for already. -ESRCH: no such
// task, or no longer. -EINVAL: not a worker, of a group without UMCG_GROUP_PREEMPTION, or flags is
// not 0.
UMCG_KERNEL_API int umcg_preempt_worker(uint32_t flags, umcg_tid worker);

#if defined(__cplusplus)
}
#endif

#endif  // UMCG_KERNEL_WORKERS_H_
