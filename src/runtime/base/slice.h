// SPDX-License-Identifier: Apache-2.0
// slice.h - how long the kernel lets a thread run before another one's turn.
#ifndef UMCG_RUNTIME_BASE_SLICE_H_
#define UMCG_RUNTIME_BASE_SLICE_H_

#include <sys/types.h>

namespace umcg::inline v0::internal {

// Asks for slices of 0.1 ms instead of some 3, for a thread of this process (0: the caller): when
// it wakes beside one that computes it then runs at once. Needs Linux 6.12; elsewhere nothing
// happens. Not inherited.
void prefer_short_slices(pid_t thread) noexcept;
// Back to the kernel's own choice, for one that computes.
void allow_long_slices(pid_t thread) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_SLICE_H_
