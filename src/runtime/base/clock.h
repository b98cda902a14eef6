// SPDX-License-Identifier: Apache-2.0
// clock.h - the runtime's one clock (kernel_shim/clock.h), and the time that never comes.
#ifndef UMCG_RUNTIME_BASE_CLOCK_H_
#define UMCG_RUNTIME_BASE_CLOCK_H_

#include <cstdint>
#include <limits>

#include "kernel_shim/clock.h"

namespace umcg::inline v0::internal {

inline constexpr std::int64_t kNeverNs = std::numeric_limits<std::int64_t>::max();

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_CLOCK_H_
