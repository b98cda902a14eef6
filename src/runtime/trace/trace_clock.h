// SPDX-License-Identifier: Apache-2.0
// trace_clock.h - TraceClock: time stamps for events, cheaper than the system's clock.
//
// The CPU's own counter: 8 ns instead of 25. Only where the kernel trusts it too, as a clock of one
// rate that is the same on all CPUs. Else CLOCK_MONOTONIC.
#ifndef UMCG_RUNTIME_TRACE_TRACE_CLOCK_H_
#define UMCG_RUNTIME_TRACE_TRACE_CLOCK_H_

#include <cstdint>

#include "runtime/base/clock.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace umcg::inline v0::internal {

class TraceClock {
 public:
  // Asks the kernel. By plain threads or user code.
  void choose() noexcept;

  std::uint64_t ticks() const noexcept {
    if (!counter_) return static_cast<std::uint64_t>(now_ns());
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    std::uint64_t count;
    asm volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return static_cast<std::uint64_t>(now_ns());
#endif
  }

  // The same moment on both clocks.
  struct Pair {
    std::uint64_t ticks = 0;
    std::int64_t ns = 0;
  };
  Pair read_both() const noexcept;

 private:
  bool counter_ = false;
};

// Ticks to nanoseconds of CLOCK_MONOTONIC, by two moments.
class TraceTime {
 public:
  TraceTime(TraceClock::Pair begin, TraceClock::Pair end) noexcept;
  std::int64_t ns(std::uint64_t ticks) const noexcept;

 private:
  TraceClock::Pair begin_;
  double ns_per_tick_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TRACE_CLOCK_H_
