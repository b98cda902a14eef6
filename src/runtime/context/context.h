// SPDX-License-Identifier: Apache-2.0
// context.h - the switch seam: one suspended flow of control, and the jump between two of them.
//
// The switch itself is our own on x86-64, and Boost.Context's elsewhere or if UMCG_PORTABLE_SWITCH
// asks for it. Both keep the callee-saved registers and the floating-point units' control words.
// What they do not know of is added here: the sanitizers' idea of the stack. Both sanitizers want
// to be told just before a jump and just after it.
#ifndef UMCG_RUNTIME_CONTEXT_CONTEXT_H_
#define UMCG_RUNTIME_CONTEXT_CONTEXT_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/peek.h"
#include "runtime/base/sanitizers.h"
#if defined(UMCG_SWITCH_OF_BOOST)
#include "runtime/context/switch_boost.h"
#else
#include "runtime/context/switch_x86_64.h"
#endif

namespace umcg::inline v0::internal {

// Written by the thread that leaves it, before the jump or (Boost's) on arrival elsewhere. Whoever
// may resume it has learnt of it by a release/acquire pair later than both.
struct Context {
  SavedState saved;
#if UMCG_ASAN
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t size = 0;
#endif
#if UMCG_TSAN
  void* tsan = nullptr;
#endif

  // For a context on memory of our own.
  void describe([[maybe_unused]] const void* stack_bottom,
                [[maybe_unused]] std::size_t stack_size) {
#if UMCG_ASAN
    bottom = stack_bottom;
    size = stack_size;
#endif
#if UMCG_TSAN
    tsan = __tsan_create_fiber(0);
#endif
  }
  // For the context of the calling thread itself.
  void describe_thread() noexcept;
  void forget() noexcept {
#if UMCG_TSAN
    if (tsan != nullptr) __tsan_destroy_fiber(tsan);
    tsan = nullptr;
#endif
  }
};

// The lowest address in use of the stack of a context that may be resumed meanwhile; 0: never left.
// With either switch the record begins with it; gdb's script relies on that, too.
inline std::uint64_t lowest_in_use(const Context& context) noexcept {
  return glance(&context.saved);
}

// To be called on arrival, first thing.
inline void finish_switch([[maybe_unused]] Context& self) noexcept {
#if UMCG_ASAN
  __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
  self.fake_stack = nullptr;
#endif
}

// Leaves `from` for `to`, with `data`. With `keeps_frames` false nothing on `from` is looked at
// again, and ASan may drop its fake frames. Returns when somebody jumps to `from`, with his data.
[[gnu::always_inline]] inline void* jump(Context& from, Context& to, void* data,
                                         [[maybe_unused]] bool keeps_frames) noexcept {
#if UMCG_ASAN
  __sanitizer_start_switch_fiber(keeps_frames ? &from.fake_stack : nullptr, to.bottom, to.size);
#endif
#if UMCG_TSAN
  __tsan_switch_to_fiber(to.tsan, 0);
#endif
  return save_and_jump(from.saved, to.saved, data);
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_CONTEXT_H_
