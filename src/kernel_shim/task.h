// SPDX-License-Identifier: Apache-2.0
// task.h - Task: what an OS thread sleeps on, and wait, wake, swap on it.
//
// The C++ layer under umcg/kernel.h, for the runtime. A thread may own several tasks (one of the
// runtime, one of the user's registration); wake-ups of one are never seen by the other. The
// protocol is told in wait_wake.h.
#ifndef UMCG_KERNEL_SHIM_TASK_H_
#define UMCG_KERNEL_SHIM_TASK_H_

#include <atomic>
#include <cstdint>

#include "kernel_shim/futex.h"
#include "kernel_shim/linger.h"
#include "umcg/kernel.h"

namespace umcg::inline v0::internal::shim {

struct Member;

// Lives in a table that never shrinks (task_table.h), so that a stale pointer or tid always leads
// to a Task, if not to the same one. In a forked child all tasks read as free.
struct alignas(64) Task {
  // {generation:32, state:32}; what is slept on is the lower half. See wait_wake.h for who writes
  // it.
  std::atomic<std::uint64_t> word;
  // Written by acquire_task() before anybody has the tid.
  std::atomic<std::uint32_t> index;
  // Index + 1 of the next free task. Written by release_task(), read by acquire_task().
  std::atomic<std::uint32_t> next_free;
  // What the slot has as a worker or server, once it has been one (workers/member.h).
  std::atomic<Member*> member;
  // Written by the owner, in what may be interrupted; a hint for whoever swaps with it.
  CpuNote cpu;
  BriefLook look;  // the owner's
};

// Any thread. The task is RUNNING, with nothing queued. nullptr: no memory.
Task* acquire_task() noexcept;
// The owner. Drops a queued wake-up; the tid is stale from here on.
void release_task(Task* task) noexcept;

// The owner, or somebody who knows that the task lives.
umcg_tid tid_of(const Task& task) noexcept;

// The owner. Sleeps until a wake-up; takes a queued one without a system call.
// 0, -ETIMEDOUT, or -EINVAL in a forked child.
int wait(Task& self, std::int64_t deadline_ns) noexcept;
// The same, and -EINTR when a signal handler ran. After an error the task is RUNNING.
int wait_interruptible(Task& self, std::int64_t deadline_ns) noexcept;

// Any thread. 0, -EAGAIN (a wake-up is queued already), -ESRCH, -EINVAL (0).
int wake(umcg_tid next) noexcept;
// Any thread, for a task that is known to live. 0 or -EAGAIN.
int wake(Task& next) noexcept;

// The owner. wake(next), and if that returned 0, wait(self). -EINVAL: next is self.
int swap(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept;
// The same, and -EINTR. For a pair that talks: it may look for the answer for a moment (linger.h).
int swap_interruptible(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept;

// Any thread. The lower half of the word. 0, -ESRCH, -EINVAL (0).
int get_state(umcg_tid tid, std::uint32_t* state) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TASK_H_
