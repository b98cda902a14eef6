// SPDX-License-Identifier: Apache-2.0
// timespec.h - a C caller's point in time as the shim counts it.
#ifndef UMCG_KERNEL_SHIM_TIMESPEC_H_
#define UMCG_KERNEL_SHIM_TIMESPEC_H_

#include <time.h>

#include <cstdint>

#include "kernel_shim/futex.h"

namespace umcg::inline v0::internal::shim {

// nullptr: never. False: not a time.
inline bool to_deadline(const timespec* time, std::int64_t* deadline_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  *deadline_ns = kNever;
  if (time == nullptr) return true;
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= kSecond) return false;
  // What 64 bits of nanoseconds cannot hold is 292 years away.
  if (time->tv_sec < kNever / kSecond) *deadline_ns = time->tv_sec * kSecond + time->tv_nsec;
  return true;
}

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TIMESPEC_H_
