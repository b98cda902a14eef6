// SPDX-License-Identifier: Apache-2.0
// kernel_call.h - what a thread does in the kernel, in words.
#ifndef UMCG_RUNTIME_DEBUG_KERNEL_CALL_H_
#define UMCG_RUNTIME_DEBUG_KERNEL_CALL_H_

#include "runtime/debug/thread_view.h"

namespace umcg::inline v0::internal {

// "in read(2) of fd 5 (pipe:[1234])", "in futex(2)", "blocked outside a system call", "running".
// Safe in a signal handler.
struct CallText {
  char text[128];
};
CallText describe_call(const ThreadView& thread) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_KERNEL_CALL_H_
