// SPDX-License-Identifier: Apache-2.0
// unwinder.h - Unwinder: the return addresses on a stack that is not the caller's own.
//
// libgcc's unwinder begins at its caller, and trusts the memory that it reads. A dump looks at
// fibers that are parked, and that may be woken and run on while it looks. So this one begins at
// any registers, reads only inside the given stack, one word at a time, and gives up where the
// words make no sense. A walk over a stack that moved meanwhile ends, and its result is thrown away
// by whoever asked (fiber_view.h). No allocation, no lock: safe in a signal handler.
//
// Where the tables say nothing, or need a register that is not known, it guesses: it looks for the
// next word that is the address after a call instruction, and prefers one from which the tables
// lead to the stack's end: what calls that have returned left behind seldom does. Of those it
// prefers one whose call may be of the function that it stands in. (What the dynamic linker leaves
// on a fiber's stack, when the first function of all is called there that it must look up, leads to
// the end too.) Such frames are marked.
//
// Rejected: frame pointers (libc and most programs have none); libunwind (a dependency; and its
// remote interface wants the same reading of memory from us); _Unwind_Backtrace seeded by a
// function with hand-written frame information (trusts the memory: it crashes on a fiber that runs
// on).
#ifndef UMCG_RUNTIME_UNWIND_UNWINDER_H_
#define UMCG_RUNTIME_UNWIND_UNWINDER_H_

#include <cstddef>
#include <cstdint>

#include "runtime/unwind/frame_rules.h"
#include "runtime/unwind/registers.h"

namespace umcg::inline v0::internal {

struct StackFrame {
  std::uint64_t pc = 0;
  bool at_instruction = false;  // else pc is a return address
  bool guessed = false;
};

struct Backtrace {
  static constexpr std::size_t kMost = 48;
  StackFrame frames[kMost];
  std::size_t count = 0;
  bool cut = false;  // there are more
};

// Where the walk may read. Beyond [low, high) it asks the kernel (peek.h) if `elsewhere` is set:
// for the stacks of threads, whose bounds are not known.
struct StackRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool elsewhere = false;

  bool read(std::uint64_t address, std::uint64_t& value) const noexcept;
};

class Unwinder {
 public:
  void walk(Registers registers, const StackRange& stack, Backtrace& result) noexcept;

 private:
  enum class Step : std::uint8_t { kFound, kEnd, kStuck };

  Step step(Registers& r, const StackRange& stack) noexcept;
  bool guess(Registers& r, const StackRange& stack) noexcept;
  bool leads_to_the_end(Registers r, const StackRange& stack) noexcept;
  // The caller's registers, if the frame's address is that.
  Step apply(const FrameRow& row, const FrameEntry& entry, std::uint64_t frame, Registers& r,
             const StackRange& stack) noexcept;

  FrameRules rules_;
  FrameRow stuck_at_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_UNWINDER_H_
