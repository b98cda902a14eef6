// SPDX-License-Identifier: Apache-2.0
// registers.h - Registers: what is known of a suspended flow of control, in the numbering of DWARF.
//
// Three sources: the context that a switch has saved (all that a caller may rely on), a signal
// frame (everything), and /proc/.../syscall (where it stands, no more).
#ifndef UMCG_RUNTIME_UNWIND_REGISTERS_H_
#define UMCG_RUNTIME_UNWIND_REGISTERS_H_

#include <ucontext.h>

#include <array>
#include <cstdint>

#include "runtime/context/context.h"

namespace umcg::inline v0::internal {

#if defined(__x86_64__)
inline constexpr unsigned kRegisterCount = 17;
inline constexpr unsigned kFrameRegister = 6;
inline constexpr unsigned kStackRegister = 7;
inline constexpr unsigned kReturnRegister = 16;
#elif defined(__aarch64__)
inline constexpr unsigned kRegisterCount = 32;
inline constexpr unsigned kFrameRegister = 29;
inline constexpr unsigned kStackRegister = 31;
inline constexpr unsigned kReturnRegister = 30;
#else
#error "umcg: no backtraces for this CPU; see registers.h"
#endif

class Registers {
 public:
  // Of a parked fiber; reads its stack by glance().
  static Registers saved_in(const Context& context) noexcept;
  // Of the thread that a signal has interrupted.
  static Registers interrupted_at(const ucontext_t& context) noexcept;
  static Registers only(std::uint64_t pc, std::uint64_t sp) noexcept;

  bool knows(unsigned number) const noexcept {
    return number < kRegisterCount && (known_ >> number & 1) != 0;
  }
  std::uint64_t operator[](unsigned number) const noexcept { return values_[number]; }
  void set(unsigned number, std::uint64_t value) noexcept {
    values_[number] = value;
    known_ |= std::uint64_t{1} << number;
  }
  void forget(unsigned number) noexcept { known_ &= ~(std::uint64_t{1} << number); }

  std::uint64_t sp() const noexcept { return values_[kStackRegister]; }
  std::uint64_t pc = 0;
  // Whether pc is the instruction itself, and not the one after a call.
  bool at_instruction = false;

 private:
  std::array<std::uint64_t, kRegisterCount> values_{};
  std::uint64_t known_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_REGISTERS_H_
