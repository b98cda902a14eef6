// SPDX-License-Identifier: Apache-2.0
// slice.h - for how long the kernel lets a thread run before another one's turn.
//
// The kernel (EEVDF, since Linux 6.6) runs the thread whose slice would end first of those that
// have had less than their share. So one that wakes with a short slice runs at once, beside one
// that computes, unless that one's slice ends sooner still; and then it must wait until the kernel
// notices, at its next tick, 4 ms later at worst. With the usual slice of 1.4 ms, that was one
// wake-up of fourteen. So threads that compute for long get long slices. They lose nothing by it:
// each still has its share of the CPU, in larger pieces.
#ifndef UMCG_RUNTIME_BASE_SLICE_H_
#define UMCG_RUNTIME_BASE_SLICE_H_

#include <sys/types.h>

#include <cstdint>

namespace umcg::inline v0::internal {

enum class TimeSlice : std::uint8_t {
  kUsual,  // the kernel's own choice
  kShort,  // 0.1 ms: for one that is to run at once when it is woken, and not for long
  kBrisk,  // 0.5 ms, less than usual: for one that is to run in the place of who wakes it
  kLong,   // 20 ms: for one that computes
};

// Asks for it, for a thread of this process (0: the caller). Needs Linux 6.12; elsewhere nothing
// happens. Not inherited. Does not block.
void set_time_slice(pid_t thread, TimeSlice slice) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_SLICE_H_
