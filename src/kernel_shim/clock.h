// SPDX-License-Identifier: Apache-2.0
// clock.h - clocks in nanoseconds. The library's own is CLOCK_MONOTONIC, as Deadline has it.
#ifndef UMCG_KERNEL_SHIM_CLOCK_H_
#define UMCG_KERNEL_SHIM_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace umcg::inline v0::internal {

// -1 if there is no such clock: a thread's own ends with the thread.
inline std::int64_t clock_ns(clockid_t clock) noexcept {
  timespec t;
  if (clock_gettime(clock, &t) != 0) return -1;
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

inline std::int64_t now_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace umcg::inline v0::internal

#endif  // UMCG_KERNEL_SHIM_CLOCK_H_
