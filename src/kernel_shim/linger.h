// SPDX-License-Identifier: Apache-2.0
// linger.h - what a swap does between its wake-up and its sleep if the two are on different CPUs.
//
// A switch on one CPU takes the kernel 3 us. To wake a thread on another CPU takes it 8 to 40 (an
// interrupt, and the end of that CPU's idle state), and a pair that may run anywhere is put on two
// CPUs by the kernel, since one of them is idle. But then the one that has just waked the other can
// look for the answer while that one runs: 0.3 us.
//
// Each task notes the CPU on which it last began to wait or to swap. That the two differ is a hint,
// nothing else: a thread may have moved since. A pair on one CPU never looks, since the other one
// cannot run meanwhile. Where the hint is wrong for long (the other CPU has other work), BriefLook
// stops trusting it.
//
// Rejected: to bring the woken thread to the waker's CPU by its affinity, for the length of the
// switch: three system calls, 13 us where waking it over there takes 9. To leave it there for as
// long as the pair swaps, 3.5 us: every thread and process that it starts meanwhile inherits that
// affinity for good, and so does the thread itself if it never swaps again and nobody watches.
// A pipe's or an eventfd's wake-up, which asks the kernel to stay on this CPU: it does not.
#ifndef UMCG_KERNEL_SHIM_LINGER_H_
#define UMCG_KERNEL_SHIM_LINGER_H_

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "kernel_shim/brief_look.h"

namespace umcg::inline v0::internal::shim {

// The number of a CPU and one; 0: not known.
using CpuNote = std::atomic<std::uint32_t>;

inline std::uint32_t this_cpu() noexcept {
  return static_cast<std::uint32_t>(::sched_getcpu() + 1);
}

// The owner, before it wakes somebody and before it sleeps.
inline void note_cpu(CpuNote& mine) noexcept {
  // relaxed, as all looks at it: a hint.
  mine.store(this_cpu(), std::memory_order_relaxed);
}

// Whether a look for what its owner does may pay.
inline bool is_elsewhere(const CpuNote& other) noexcept {
  const std::uint32_t there = other.load(std::memory_order_relaxed);
  return there != 0 && there != this_cpu();
}

// The owner of `look`, after it has waked `other`. Until `word` is `woken`, for a moment at most.
inline void linger(const CpuNote& other, BriefLook& look, const std::atomic<std::uint64_t>& word,
                   std::uint64_t woken) noexcept {
  if (!is_elsewhere(other)) return;
  // relaxed: prepare_wait() reads it again.
  (void)look.sees([&] { return word.load(std::memory_order_relaxed) == woken; });
}

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_LINGER_H_
