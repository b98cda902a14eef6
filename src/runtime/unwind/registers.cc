// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/registers.h"

#include "runtime/base/peek.h"
#include "runtime/unwind/saved_frame.h"

namespace umcg::inline v0::internal {

Registers Registers::saved_in(const Context& context) noexcept {
  Registers r;
  const std::uint64_t lowest = lowest_in_use(context);
  if (lowest == 0) return r;
  const auto* const frame = kSavedOnStack ? reinterpret_cast<const char*>(lowest)
                                          : reinterpret_cast<const char*>(&context.saved);
  for (const SavedRegister& s : kSavedRegisters) r.set(s.number, glance(frame + s.offset));
  r.set(kStackRegister, lowest + kSavedFrameSize);
  r.pc = glance(frame + kSavedPc);
  return r;
}

Registers Registers::interrupted_at(const ucontext_t& context) noexcept {
  Registers r;
  const auto& from = context.uc_mcontext;
#if defined(__x86_64__)
  constexpr int kOrder[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  for (unsigned i = 0; i < kReturnRegister; ++i) {
    r.set(i, static_cast<std::uint64_t>(from.gregs[kOrder[i]]));
  }
  r.pc = static_cast<std::uint64_t>(from.gregs[REG_RIP]);
#elif defined(__aarch64__)
  for (unsigned i = 0; i < kStackRegister; ++i) r.set(i, from.regs[i]);
  r.set(kStackRegister, from.sp);
  r.pc = from.pc;
#endif
  r.at_instruction = true;
  return r;
}

Registers Registers::only(std::uint64_t pc, std::uint64_t sp) noexcept {
  Registers r;
  r.set(kStackRegister, sp);
  r.pc = pc;
  r.at_instruction = true;
  return r;
}

}  // namespace umcg::inline v0::internal
