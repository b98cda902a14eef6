// SPDX-License-Identifier: Apache-2.0
// server_word.h - who holds a server: Enter, Leave, and the word that a claim changes.
//
// A worker may lose its server at any moment while it runs user code: when it blocks in the kernel,
// another worker claims the server. It must not while it is inside the runtime, at work on the
// server's queues. So each way into the runtime is Enter and each way out is Leave:
//
//   Enter   in_rt = 1 (plain store); compiler barrier; load the word: still ours?
//   Leave   in_rt = 0 (a release store, which is a plain one on x86)
//   Claim   c1 = the worker's CPU clock; does it look blocked?  CAS word: owned -> proposed;
//           seq_cst fence; c2 = the clock;  c1 == c2 and in_rt == 0 ? CAS proposed -> mine
//                                                                    : CAS proposed -> owned
//
// States of the word: claimer << 32 | owner << 8 | flags. 0 only in a forked child. kProposed: a
// claim is being decided, by the worker named as claimer. kOffered: the owner is inside
// blocking(f), or found nobody to hand the server to, and has given leave to take it without a
// look.
//
// The race that matters: Enter's store and load may be reordered by the CPU (store buffer), so a
// claimer could read in_rt == 0 while the owner read "owned". No fence stands in Enter; the proof
// rests on the context switch. c1 == c2 means that the worker was off the CPU from before the CAS
// until after the fence. The switch that took it off is a full barrier: if it had stored in_rt = 1
// before, the claimer reads 1 and gives up. If it had not, then its store comes after it is
// switched in again, and so does its load of the word, which then reads the claimer's CAS. The
// argument is the same on arm64, where the kernel's switch has a full barrier too. A worker that
// meets `proposed` in Enter settles it by CAS to `owned`. A claimer that had a good look before the
// worker came back may be about to commit; exactly one of the two CASes wins, and the loser sees
// it.
//
// The second race: a claimer that is late. Its look was good, then the owner came back and settled,
// then another claimer proposed. The late one must not take that proposal for its own and commit on
// it, so a proposal names its claimer. (Without the name the stress test hung within minutes.)
//
// Without clocks. The monitor takes the server of a worker that runs (take_from_running), with a
// barrier on all threads, membarrier(2), between the proposal and the look at in_rt. Before the
// barrier the worker stored in_rt = 1: the monitor reads 1. Or it stores and loads after it: it
// reads the proposal. A worker that was inside at the barrier may have left when in_rt is looked
// at; what it wrote is seen because Leave is a release. The committed word still says "proposed",
// by the new owner, who does not know of it yet and sleeps: nobody may claim it from him before
// assign() has made it his.
//
// Rejected: a read-modify-write in Enter (4 ns twice per operation); "same CPU, so it cannot run"
// (wrong under affinity changes and hotplug); state 'S' in /proc (also read of a thread at 99 %
// CPU). TSan does not know of the kernel's barrier: its builds use read-modify-writes, which pair
// with the claimer's acquire CAS.
#ifndef UMCG_RUNTIME_HANDOFF_SERVER_WORD_H_
#define UMCG_RUNTIME_HANDOFF_SERVER_WORD_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/sanitizers.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {

inline constexpr std::uint64_t kProposed = 1;
inline constexpr std::uint64_t kOffered = 2;
inline constexpr std::uint64_t kWordFlags = 0xff;

inline std::uint64_t word_of(const Worker& w) noexcept {
  return (static_cast<std::uint64_t>(w.index) + 1) << 8;
}
// Meaningless for a word of 0.
inline std::uint32_t worker_of(std::uint64_t word) noexcept {
  return (static_cast<std::uint32_t>(word) >> 8) - 1;
}
// What `claimer` makes of the word of an owner whom it is about to look at.
inline std::uint64_t proposal(std::uint64_t owned, const Worker& claimer) noexcept {
  return owned | kProposed | (static_cast<std::uint64_t>(claimer.index) + 1) << 32;
}

bool enter_slow(Worker& w) noexcept;
void leave_slow(Worker& w) noexcept;

// Every way into the runtime from user code. True: the worker holds its server, whose data it may
// touch until leave(). False: it holds none, and acts as a plain thread; no leave() is owed.
inline bool enter(Worker& w) noexcept {
#if UMCG_TSAN
  w.in_rt.exchange(1, std::memory_order_seq_cst);
  const std::uint64_t word = w.word->load(std::memory_order_seq_cst);
#else
  w.in_rt.store(1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const std::uint64_t word = w.word->load(std::memory_order_relaxed);
#endif
  if (word == w.held) [[likely]] {
    return true;
  }
  return enter_slow(w);
}

inline void leave(Worker& w) noexcept {
  if (w.at_leave != 0) [[unlikely]] {
    leave_slow(w);
  }
#if UMCG_TSAN
  w.word->fetch_or(0, std::memory_order_release);
  w.in_rt.exchange(0, std::memory_order_seq_cst);
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
  // Release: see "Without clocks". Plain on x86.
  w.in_rt.store(0, std::memory_order_release);
#endif
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_SERVER_WORD_H_
