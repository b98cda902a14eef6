// SPDX-License-Identifier: Apache-2.0
// member.h - Member: a thread that is registered as a worker or a server.
#ifndef UMCG_KERNEL_SHIM_WORKERS_MEMBER_H_
#define UMCG_KERNEL_SHIM_WORKERS_MEMBER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "kernel_shim/block_oracle.h"
#include "kernel_shim/task.h"
#include "kernel_shim/workers/trap.h"

namespace umcg::inline v0::internal::shim {

struct Group;

// Belongs to a task, which it sleeps on, and lives as long: for ever. What is not atomic belongs to
// the thread that is registered, but for what is said. Who acts on a tid reads the other fields
// before his compare-and-swap on the word: if they were another registration's, it fails.
struct alignas(64) Member {
  std::atomic<std::uint64_t> word{0};  // see member_word.h
  std::atomic<Group*> group{nullptr};  // written at registration
  Task* task = nullptr;                // written once, before anybody can find the member
  std::atomic<umcg_tid> task_tid{0};   // of `task`; written at registration
  std::atomic<pid_t> thread{0};        // written at registration
  Member* made_before = nullptr;       // written once; see member_of()

  // Of a server: what umcg_run_worker() stores. Written by who has the server in hand, before the
  // state; read by the server after it.
  std::atomic<umcg_tid> returned{0};

  // Of a worker.
  std::atomic<Member*> next_unblocked{nullptr};  // the queue's
  Trap block_trap;                               // at the end of a block; the watcher sets it
  Trap preempt_trap;                             // umcg_preempt_worker() sets it
  Subject subject;                // from here on: the watcher's, under the group's lock
  std::uint64_t seen = 0;         //   what the oracle saw
  int syscall_fd = -1;            //   /proc/thread-self/syscall, in groups that park; -1: none
  Member* next_worker = nullptr;  // the group's list
};

// The member that is or was named by the tid, or by its lower half; nullptr if there never was one.
Member* find_member(umcg_tid tid) noexcept;
// Of a task that has just been acquired. nullptr: no memory.
Member* member_of(Task& task) noexcept;

// The registered thread's, or that of one that cannot end now.
umcg_tid tid_of(const Member& member) noexcept;
// The lower half of the server's tid without kMemberBit: what stands in a worker's word.
std::uint32_t index_of(const Member& member) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_MEMBER_H_
