// SPDX-License-Identifier: Apache-2.0
// overflow.h - says which fiber has run over the end of its stack, instead of a bare SIGSEGV.
#ifndef UMCG_RUNTIME_STACK_OVERFLOW_H_
#define UMCG_RUNTIME_STACK_OVERFLOW_H_

#include <cstddef>

namespace umcg::inline v0::internal {

// Puts a handler in front of the present one for SIGSEGV and SIGBUS, once per process. A fault
// elsewhere than in the guard of the current fiber's stack goes to the handler that was there
// before.
void install_overflow_handler() noexcept;

// The signal stack of the calling thread while it lives: with the fiber's own stack full there is
// no other place for a handler to run. Leaves alone one that is there already.
class AlternateStack {
 public:
  AlternateStack() noexcept;
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_STACK_OVERFLOW_H_
