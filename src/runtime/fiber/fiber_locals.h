// SPDX-License-Identifier: Apache-2.0
// fiber_locals.h - the list of a fiber's or thread's own values, at the fiber's birth and end.
#ifndef UMCG_RUNTIME_FIBER_FIBER_LOCALS_H_
#define UMCG_RUNTIME_FIBER_FIBER_LOCALS_H_

#include <atomic>

#include "umcg/fiber_local.h"

namespace umcg::inline v0::internal {

// Whether any value has ever been inherited: until then a spawn need not look for some.
extern constinit std::atomic<bool> g_locals_are_inherited;

// A value made by another thread meanwhile is not the caller's.
inline bool locals_are_inherited() noexcept {
  return g_locals_are_inherited.load(std::memory_order_relaxed);
}

// Outside the runtime. Adds copies of the caller's inherited values to `to`, which stays the
// owner of them if a copy throws.
void inherit_locals_slow(LocalValue*& to);
inline void inherit_locals(LocalValue*& to) {
  if (locals_are_inherited()) [[unlikely]]
    inherit_locals_slow(to);
}

// Outside the runtime, on the fiber or thread. Runs destructors until none is left.
void destroy_locals_slow(LocalValue*& values) noexcept;
inline void destroy_locals(LocalValue*& values) noexcept {
  if (values != nullptr) [[unlikely]]
    destroy_locals_slow(values);
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_FIBER_LOCALS_H_
