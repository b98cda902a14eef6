// SPDX-License-Identifier: Apache-2.0
// stack.h - Stack: the record of one fiber stack. It lives at the top of the memory that it
// describes, so that a parked fiber costs one touched page.
#ifndef UMCG_RUNTIME_STACK_STACK_H_
#define UMCG_RUNTIME_STACK_STACK_H_

#include <cstddef>
#include <cstdint>

#include "runtime/context/context.h"

namespace umcg::inline v0::internal {

struct StackSlab;

struct alignas(16) Stack : Context {
  StackSlab* slab = nullptr;
  Stack* next = nullptr;  // in a free list; written by its owner
  char* low = nullptr;    // lowest usable byte
  bool guarded = false;
  bool pooled_class = false;  // of the runtime's default size: servers keep such stacks at hand

  char* high() noexcept { return reinterpret_cast<char*>(this); }  // the stack grows down from here
  std::size_t size() noexcept { return static_cast<std::size_t>(high() - low); }
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_STACK_STACK_H_
