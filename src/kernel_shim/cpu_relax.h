// SPDX-License-Identifier: Apache-2.0
// cpu_relax.h - tells the CPU, and a hyperthread beside it, that somebody spins.
#ifndef UMCG_KERNEL_SHIM_CPU_RELAX_H_
#define UMCG_KERNEL_SHIM_CPU_RELAX_H_

namespace umcg::inline v0::internal {

inline void cpu_relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_KERNEL_SHIM_CPU_RELAX_H_
