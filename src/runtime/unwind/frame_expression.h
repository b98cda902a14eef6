// SPDX-License-Identifier: Apache-2.0
// frame_expression.h - the little stack machine in which .eh_frame says what offsets cannot: frames
// of functions that align their stack, of signal handlers, of the dynamic linker's stubs.
#ifndef UMCG_RUNTIME_UNWIND_FRAME_EXPRESSION_H_
#define UMCG_RUNTIME_UNWIND_FRAME_EXPRESSION_H_

#include <cstdint>

#include "runtime/unwind/unwinder.h"

namespace umcg::inline v0::internal {

// With `frame` on the machine's stack at the start, unless it is null. False: an operation that
// such expressions do not use, a register that is not known, or memory that is not to be read.
bool evaluate(const std::uint8_t* expression, const Registers& registers, const StackRange& stack,
              const std::uint64_t* frame, std::uint64_t& result) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_FRAME_EXPRESSION_H_
