// SPDX-License-Identifier: Apache-2.0
// fp_env.h - each fiber begins with the default floating-point environment.
//
// Switches carry the control words along (context.h). But a fiber may begin on a stack on which
// another one has just ended, without a switch between them; what the first one set must not reach
// the second.
#ifndef UMCG_RUNTIME_CONTEXT_FP_ENV_H_
#define UMCG_RUNTIME_CONTEXT_FP_ENV_H_

#include <cfenv>
#include <cstdint>

namespace umcg::inline v0::internal {

inline void reset_fp_env() noexcept {
#if defined(__x86_64__)
  constexpr std::uint32_t kDefaultMxcsr = 0x1f80;
  constexpr std::uint32_t kMxcsrControl = 0xffc0;  // the low six bits are sticky exception flags
  constexpr std::uint16_t kDefaultX87 = 0x37f;
  std::uint32_t mxcsr;
  std::uint16_t x87;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  asm volatile("fnstcw %0" : "=m"(x87));
  if ((mxcsr & kMxcsrControl) != kDefaultMxcsr || x87 != kDefaultX87) [[unlikely]] {
    std::fesetenv(FE_DFL_ENV);
  }
#else
  std::fesetenv(FE_DFL_ENV);
#endif
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_FP_ENV_H_
