// SPDX-License-Identifier: Apache-2.0
// stack.h - Stack: the record of one fiber stack. It lives at the top of the memory that it
// describes, so that a parked fiber costs one touched page.
#ifndef UMCG_RUNTIME_STACK_STACK_H_
#define UMCG_RUNTIME_STACK_STACK_H_

#include <algorithm>
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

// Asks for what a suspended fiber will touch first as it goes on: its frames, or the latest of
// them, with those of what is called on arrival below, and the record.
inline void prefetch(const Stack& stack) noexcept {
  constexpr std::uintptr_t kLine = 64;
  constexpr std::uintptr_t kBelow = kLine;
  constexpr std::uintptr_t kMost = 20 * kLine;
  std::uintptr_t line = lowest_in_use(stack) - kBelow;
  const std::uintptr_t end = std::min(line + kMost, reinterpret_cast<std::uintptr_t>(&stack + 1));
  for (; line < end; line += kLine) {
    __builtin_prefetch(reinterpret_cast<const void*>(line), 1);
    asm volatile("" : : "r"(line));  // gcc 12 drops a loop that does nothing else
  }
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_STACK_STACK_H_
