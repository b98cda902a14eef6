// SPDX-License-Identifier: Apache-2.0
// fp_env.h - each fiber begins with the default floating-point environment.
//
// Switches carry the control words along (context.h). But a fiber may begin on a stack on which
// another one has just ended, or one that waits for it: without a switch between them. What one set
// must not reach the other.
#ifndef UMCG_RUNTIME_CONTEXT_FP_ENV_H_
#define UMCG_RUNTIME_CONTEXT_FP_ENV_H_

#include <cfenv>
#include <cstdint>

namespace umcg::inline v0::internal {

class FpEnv {
 public:
#if defined(__x86_64__)
  static FpEnv current() noexcept {
    FpEnv env;
    env.save();
    return env;
  }
  void save() noexcept {
    asm volatile("stmxcsr %0" : "=m"(mxcsr_));
    asm volatile("fnstcw %0" : "=m"(x87_));
  }
  // Written without a look at what is there: to read MXCSR takes longer than to write it.
  void set() const noexcept {
    asm volatile("ldmxcsr %0" : : "m"(mxcsr_));
    asm volatile("fldcw %0" : : "m"(x87_));
  }
  static void set_default() noexcept { FpEnv().set(); }

 private:
  std::uint32_t mxcsr_ = 0x1f80;
  std::uint16_t x87_ = 0x37f;
#else
  static FpEnv current() noexcept {
    FpEnv env;
    std::fegetenv(&env.env_);
    return env;
  }
  void set() const noexcept { std::fesetenv(&env_); }
  static void set_default() noexcept { std::fesetenv(FE_DFL_ENV); }

 private:
  std::fenv_t env_{};
#endif
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_FP_ENV_H_
