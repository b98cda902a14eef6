// SPDX-License-Identifier: Apache-2.0
// frame_rules.h - FrameRules: how, at one instruction, a function's caller is found: the rows of
// DWARF's call frame information (DWARF 4, 6.4.2).
#ifndef UMCG_RUNTIME_UNWIND_FRAME_RULES_H_
#define UMCG_RUNTIME_UNWIND_FRAME_RULES_H_

#include <cstdint>

#include "runtime/unwind/frame_table.h"
#include "runtime/unwind/registers.h"

namespace umcg::inline v0::internal {

struct RegisterRule {
  enum class Kind : std::uint8_t {
    kSame,
    kUndefined,
    kAtOffset,      // in memory, from the frame's address
    kOffset,        // that address itself
    kRegister,      // in another register
    kAtExpression,  // in memory
    kExpression,    // the value itself
  };
  Kind kind = Kind::kSame;
  std::int64_t number = 0;                   // an offset or a register
  const std::uint8_t* expression = nullptr;  // begins with its length
};

struct FrameRow {
  // Where the frame is: a register and an offset, or an expression.
  std::uint64_t base_register = kStackRegister;
  std::int64_t base_offset = 0;
  const std::uint8_t* base_expression = nullptr;
  RegisterRule rules[kRegisterCount];
};

// Computes rows. Some kilobytes large: not for small stacks.
class FrameRules {
 public:
  // The row that holds at `pc`; null if the entry is not understood. Good until the next call.
  const FrameRow* row_at(std::uint64_t pc, const FrameEntry& entry) noexcept;

 private:
  bool run(Bytes code, std::uint64_t pc, const FrameEntry& entry) noexcept;
  void set(std::uint64_t number, RegisterRule::Kind kind, std::int64_t value) noexcept;
  void set(std::uint64_t number, RegisterRule::Kind kind, ByteReader& in) noexcept;
  void restore(std::uint64_t number) noexcept;

  static constexpr unsigned kNesting = 4;
  FrameRow row_;
  FrameRow initial_;
  FrameRow remembered_[kNesting];
  unsigned nesting_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_FRAME_RULES_H_
