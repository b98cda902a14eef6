// SPDX-License-Identifier: Apache-2.0
// member_word.h - the word of a member of a group: what a worker or a server is doing.
//
// {generation:32, server:23, flags:6, state:3}. A worker's server stands in the same word as its
// state, so that "RUNNING" and "with that server" begin and end in one compare-and-swap: whoever
// takes a worker out of RUNNING has the server in hand, he alone, and gives it back. No lock, no
// second word that could disagree. The generation is that of the member's tid, and every
// compare-and-swap includes it: a stale tid changes nothing.
//
//   a worker's state       means                             left by               to
//   NONE                   not registered                    register              UNBLOCKED
//   UNBLOCKED              in the group's queue              poll_worker           RUNNABLE
//   RUNNABLE               a server may run it               run_worker, swap      RUNNING
//   RUNNABLE + IN_WAIT     the same, and it waits            wake, a deadline, a   UNBLOCKED
//                                                            signal
//   RUNNING                it runs user code, for its        its own wait, swap    RUNNABLE +
//   IN_WAIT
//                          server                            its own preemption    RUNNABLE +
//                          PREEMPTED
//                                                            watcher               BLOCKED
//                                                            its end               NONE
//   BLOCKED                asleep in the kernel, or it was   watcher, or itself    UNBLOCKED
//
//   flag                   of                      means
//   IN_WAIT                RUNNABLE                a wake-up would end its wait
//   INSIDE                 any                     it is in a function of ours (written by itself
//                                                  alone): neither watcher nor signal touch it
//   PROPOSED               RUNNING                 the watcher is about to call it BLOCKED; whoever
//                                                  meets this, but the watcher, takes it away
//   LOCKED                 RUNNABLE                a swap has chosen it, and will run it
//   LOCKED                 NONE                    its thread has ended while it stood in the queue
//   PREEMPTED              RUNNING                 it is to give its server back
//                          RUNNABLE                it has
//   WAKEUP_QUEUED          any                     its next wait is paid for
//
//   a server's state       means                             left by               to
//   PROCESSING             it runs user code                 itself                POLLING, SERVING
//   POLLING                in umcg_poll_worker()             itself                PROCESSING
//   SERVING                in umcg_run_worker()              who has it in hand    PROCESSING
//
// UNBLOCKED is "in the queue" exactly: each change to it is followed by one push, each change from
// it comes after one pop.
#ifndef UMCG_KERNEL_SHIM_WORKERS_MEMBER_WORD_H_
#define UMCG_KERNEL_SHIM_WORKERS_MEMBER_WORD_H_

#include <cstdint>

#include "kernel_shim/task_table.h"
#include "umcg/kernel.h"

namespace umcg::inline v0::internal::shim {

inline constexpr std::uint32_t kStateBits = 0x7;
inline constexpr std::uint32_t kInWait = 1u << 3;
inline constexpr std::uint32_t kInside = 1u << 4;
inline constexpr std::uint32_t kProposed = 1u << 5;
inline constexpr std::uint32_t kLocked = 1u << 6;
inline constexpr std::uint32_t kPreempted = 1u << 7;
inline constexpr std::uint32_t kWakeupQueued = UMCG_TF_WAKEUP_QUEUED;  // 1u << 8
inline constexpr int kServerShift = 9;
inline constexpr std::uint32_t kServerBits = ~0u << kServerShift;

// The lower half of a member's tid has this bit; those of core tasks, which are slots of the same
// table, do not. So umcg_wake() knows from the name alone whom it deals with.
inline constexpr umcg_tid kMemberBit = umcg_tid{1} << 31;

constexpr bool is_member(umcg_tid tid) { return (tid & kMemberBit) != 0; }

// The tid of the task that the member sleeps on.
constexpr umcg_tid task_part(umcg_tid tid) { return tid & ~kMemberBit; }

constexpr std::uint32_t member_state(std::uint64_t word) {
  return static_cast<std::uint32_t>(word) & kStateBits;
}
constexpr bool has(std::uint64_t word, std::uint32_t flag) { return (word & flag) != 0; }
// The same word with another state; flags and server stay.
constexpr std::uint64_t with_state(std::uint64_t word, std::uint32_t state) {
  return (word & ~std::uint64_t{kStateBits}) | state;
}
constexpr std::uint64_t without(std::uint64_t word, std::uint32_t bits) {
  return word & ~std::uint64_t{bits};
}
// 0: none.
constexpr std::uint32_t server_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word) >> kServerShift;
}
constexpr std::uint64_t with_server(std::uint64_t word, std::uint32_t server) {
  return without(word, kServerBits) | server << kServerShift;
}

// What umcg_get_task_state() shows.
constexpr std::uint32_t public_state(std::uint64_t word) {
  const bool preempted = member_state(word) == UMCG_TASK_RUNNABLE && has(word, kPreempted);
  return member_state(word) | (static_cast<std::uint32_t>(word) & kWakeupQueued) |
         (preempted ? UMCG_TF_PREEMPTED : 0);
}

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_MEMBER_WORD_H_
