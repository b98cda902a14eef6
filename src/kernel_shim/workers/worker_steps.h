// SPDX-License-Identifier: Apache-2.0
// worker_steps.h - the steps that the functions of hand_over.h are made of. See hand_over.cc.
#ifndef UMCG_KERNEL_SHIM_WORKERS_WORKER_STEPS_H_
#define UMCG_KERNEL_SHIM_WORKERS_WORKER_STEPS_H_

#include <cstdint>

#include "kernel_shim/workers/group.h"
#include "kernel_shim/workers/member.h"
#include "kernel_shim/workers/member_word.h"

namespace umcg::inline v0::internal::shim {

// On failure *word is what is there now. May fail for no reason.
inline bool change(Member& member, std::uint64_t* word, std::uint64_t to) noexcept {
  return member.word.compare_exchange_weak(*word, to, std::memory_order_seq_cst,
                                           std::memory_order_acquire);
}

// Whether the word is that of the registration with this tid.
inline bool is_of(std::uint64_t word, umcg_tid tid) noexcept {
  return generation_of(word) == generation_of(tid) && member_state(word) != UMCG_TASK_NONE;
}
inline bool is_server(std::uint64_t word) noexcept {
  return member_state(word) >= UMCG_TASK_POLLING && member_state(word) <= UMCG_TASK_PROCESSING;
}
// Not one that is just ending, either.
inline bool is_worker(std::uint64_t word) noexcept {
  return member_state(word) >= UMCG_TASK_RUNNABLE;
}

inline umcg_tid task_tid_of(const Member& member) noexcept {
  return member.task_tid.load(std::memory_order_relaxed);
}
inline Group& group_of(const Member& member) noexcept {
  return *member.group.load(std::memory_order_relaxed);
}

// A worker that has just become UNBLOCKED.
inline void push(Member& worker) noexcept { group_of(worker).queue.push(worker); }

// The worker itself: INSIDE from here on. Takes a proposal of the watcher away. False: inside
// already.
bool enter(Member& self) noexcept;
// No longer INSIDE. If it is to be preempted, or has met its trap in here, it waits for a server.
void leave(Member& self) noexcept;

// For a worker that is INSIDE. Wakes the task `first`, if it is not 0, and sleeps until a server
// runs self. 0, or what ended its wait: -EINTR, -ETIMEDOUT.
int sleep_until_run(Member& self, umcg_tid first, std::int64_t deadline_ns) noexcept;
// For a worker that is INSIDE and may have lost its server. Returns when it has one.
void have_server(Member& self) noexcept;

// By who has the server in hand: its thread becomes PROCESSING. Returns its task's tid, which is to
// be woken.
umcg_tid release_server(std::uint32_t server, umcg_tid worker) noexcept;
// The same, and wakes it.
void give_server_back(std::uint32_t server, umcg_tid worker) noexcept;
// BLOCKED -> UNBLOCKED. False if the word has changed.
bool become_unblocked(Member& worker, std::uint64_t word) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_WORKER_STEPS_H_
