// SPDX-License-Identifier: Apache-2.0
// switch_x86_64.h - the switch of x86-64: what is saved of a suspended flow of control, and the
// jump.
//
// The jump is no call. It is in the midst of the function that suspends, says of most registers
// that it overwrites them, and the compiler saves those that it needs. What it cannot be told of is
// saved here: the stack pointer, where to go on, rbp and rbx (which may address the frame), and the
// control words of the floating-point units, which belong to the flow like callee-saved registers.
//
// Why not a function, as Boost's: a processor predicts a return by the call that came before it on
// the same core. A function that is called on one stack and goes on on another by a jump leaves its
// call behind, and each later return on the way out to user code is predicted one off. Measured at
// two frames of depth: 23 ns a switch, of which 16 are wrong guesses; 7 ns this way. Fibers that
// suspend at the same depth find the returns of the one before right for themselves.
//
// The control words are always written: to compare them first takes longer (13 ns).
//
// Nothing is written below the stack pointer, where a signal's frame may come at any instruction,
// nor above, where the function's red zone is. So the registers are in the context's record.
//
// Shadow stacks know nothing of this, and there is no mark for branches here: the library is
// compiled without the note that it is fit for either (CMakeLists.txt), so a process with it runs
// without them.
#ifndef UMCG_RUNTIME_CONTEXT_SWITCH_X86_64_H_
#define UMCG_RUNTIME_CONTEXT_SWITCH_X86_64_H_

#include <cstddef>
#include <cstdint>

#include "runtime/context/fp_env.h"

namespace umcg::inline v0::internal {

struct SavedState {
  std::uint64_t sp = 0;  // 0: never left. First: lowest_in_use()
  std::uint64_t pc = 0;
  std::uint64_t rbx = 0;
  std::uint64_t rbp = 0;
  FpEnv fp_env;  // until it has begun: the default
};

// What a jump there would begin: entry(data), on a stack that grows down from `high`.
inline SavedState state_at_entry(void* high, std::size_t /*size*/, void (*entry)(void*)) noexcept {
  // As just after a call: the stack is aligned but for a return address, here none.
  auto* const top = reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::uintptr_t>(high) &
                                                     ~std::uintptr_t{15}) -
                    1;
  *top = 0;
  SavedState state;
  state.sp = reinterpret_cast<std::uint64_t>(top);
  state.pc = reinterpret_cast<std::uint64_t>(entry);
  return state;
}

#if defined(__AVX512F__)
#define UMCG_CLOBBER_AVX512                                                                     \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
      "k7"
#else
#define UMCG_CLOBBER_AVX512
#endif

// Saves the caller as `from` and goes on at `to`, with `data`. Returns what the jump back brings.
[[gnu::always_inline]] inline void* save_and_jump(SavedState& from, const SavedState& to,
                                                  void* data) noexcept {
  from.fp_env.save();
  to.fp_env.set();
  SavedState* left = &from;
  const SavedState* next = &to;
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, %c[sp](%[left])\n\t"
      "movq %%rax, %c[pc](%[left])\n\t"
      "movq %%rbx, %c[rbx](%[left])\n\t"
      "movq %%rbp, %c[rbp](%[left])\n\t"
      "movq %c[rbx](%[next]), %%rbx\n\t"
      "movq %c[rbp](%[next]), %%rbp\n\t"
      "movq %c[sp](%[next]), %%rsp\n\t"
      "jmpq *%c[pc](%[next])\n"
      "1:"
      : [data] "+D"(data), [left] "+S"(left), [next] "+d"(next)
      : [sp] "i"(offsetof(SavedState, sp)), [pc] "i"(offsetof(SavedState, pc)),
        [rbx] "i"(offsetof(SavedState, rbx)), [rbp] "i"(offsetof(SavedState, rbp))
      : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15" UMCG_CLOBBER_AVX512);
  return data;
}

#undef UMCG_CLOBBER_AVX512

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_SWITCH_X86_64_H_
