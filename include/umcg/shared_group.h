// SPDX-License-Identifier: Apache-2.0
// shared_group.h - wait, wake and swap between processes, in C.
//
// A *group* is a piece of memory (a memfd) with room for some tasks and for data of the user's.
// Who has its descriptor may join, and wake every task of the group; nobody else can. The
// descriptor is handed over on purpose: inherited, or sent over a Unix socket.
//
// One process makes a group (create) and hands its descriptor on. Each takes a place (join), finds
// its peers by theirs (find), and waits for them and wakes them.
//
// States and rules are those of kernel.h: wait and wake may race in any order, at most one wake-up
// is queued, one that is given is never lost. Besides, a peer may end: its process dies, it leaves.
// Then a wake-up for it gives -ESRCH, and who waits for it in particular is told -EPIPE.
//
// A group is one circle of trust for service, not for memory. A member that writes garbage into the
// shared words can wake others for nothing, keep them waiting until their deadline, or make them
// believe that a peer has ended: all within this group, and no more. Give each client that you do
// not trust a group of its own.
//
// The task is an object, not a thread: whichever thread calls, one at a time may wait. It belongs
// to the process: in a forked child all calls give -EINVAL. The process is known to its peers by a
// record lock (fcntl) on the memfd. So fd must stay open while the task is a member, and the
// process must not close another descriptor of the same memfd, which would drop the lock.
//
// All functions return 0 or a negative errno value, and leave errno alone.
#ifndef UMCG_SHARED_GROUP_H_
#define UMCG_SHARED_GROUP_H_

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "umcg/kernel.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef struct umcg_shared_task umcg_shared_task;  // one membership of this process
typedef uint64_t umcg_shared_id;                   // {generation, place}; 0: nobody

// The most places of one group.
#define UMCG_SHARED_MAX_TASKS 64u
// For umcg_shared_join(): whichever is free.
#define UMCG_SHARED_ANY_PLACE UINT32_MAX

// Makes a group of `tasks` places, 1 to UMCG_SHARED_MAX_TASKS, and data_bytes of zeros. Its size is
// sealed; *fd is close-on-exec. -EINVAL: a wrong number, or flags is not 0. -EMFILE, -ENOMEM, ...
UMCG_KERNEL_API int umcg_shared_create(uint32_t flags, uint32_t tasks, size_t data_bytes, int* fd);

// Takes a place, 0 to tasks - 1 or UMCG_SHARED_ANY_PLACE, in state RUNNING. A place whose process
// has died is free. -EINVAL: not a group, a wrong number or flag. -EBUSY: the place is taken, or
// all are. -ENOMEM. -EBADF, ...: the system refuses the descriptor.
UMCG_KERNEL_API int umcg_shared_join(int fd, uint32_t flags, uint32_t place,
                                     umcg_shared_task** self);

// Leaves; a queued wake-up is dropped, peers that wait for it learn of it. No other call may use
// the task meanwhile or later. -EINVAL: flags is not 0.
UMCG_KERNEL_API int umcg_shared_leave(umcg_shared_task* self, uint32_t flags);

// The data of the group, page-aligned, gone with umcg_shared_leave(). Peers may write it at any
// time: copy what must not change between a check and its use.
UMCG_KERNEL_API int umcg_shared_data(umcg_shared_task* self, void** data, size_t* bytes);

// One's own id; and that of the task which has the place now, or -ESRCH.
UMCG_KERNEL_API int umcg_shared_self(umcg_shared_task* self, umcg_shared_id* id);
UMCG_KERNEL_API int umcg_shared_find(umcg_shared_task* self, uint32_t place, umcg_shared_id* id);

// Blocks until somebody wakes the task; as umcg_wait(). peer: 0, or one whose end ends the wait.
// -EPIPE: it has ended; nobody has woken the task. -EINTR, -ETIMEDOUT, -EINVAL: as umcg_wait().
UMCG_KERNEL_API int umcg_shared_wait(umcg_shared_task* self, uint32_t flags, umcg_shared_id peer,
                                     const struct timespec* abs_timeout);

// As umcg_wake(). Any thread, and for self too. Never blocks, but for the first contact with a
// peer, which makes some system calls. -EAGAIN: a wake-up is queued already. -ESRCH: it has ended.
UMCG_KERNEL_API int umcg_shared_wake(umcg_shared_task* self, uint32_t flags, umcg_shared_id next);

// umcg_shared_wake(next), then umcg_shared_wait() with next as the peer. Errors as umcg_swap(), and
// -EPIPE.
UMCG_KERNEL_API int umcg_shared_swap(umcg_shared_task* self, uint32_t wake_flags,
                                     umcg_shared_id next, uint32_t wait_flags,
                                     const struct timespec* abs_timeout);

#if defined(__cplusplus)
}
#endif

#endif  // UMCG_SHARED_GROUP_H_
