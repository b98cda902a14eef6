// SPDX-License-Identifier: Apache-2.0
// launch.h - how a typed call becomes a fiber: the steps behind spawn(), post() and run().
#ifndef UMCG_INTERNAL_LAUNCH_H_
#define UMCG_INTERNAL_LAUNCH_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/task.h"

namespace umcg::inline v0 {

// How to launch one fiber. Everything may be left out.
struct SpawnOptions {
  std::string_view name = {};  // shown in reports; copied, up to 63 bytes
  std::size_t stack_size = 0;  // bytes of usable stack; 0: the runtime's default. Rounded up
  // The fiber keeps one OS thread, and that thread's stack, for life: for code that is bound to its
  // thread by more than a section (else this_fiber::ThreadPin). Each switch to or from it is one of
  // threads. spawn() then throws std::system_error if there is no thread to be had.
  bool bound = false;
};

namespace internal {

// Tells spawn(f, args...) from spawn(options, f, args...).
template <class F>
concept NotSpawnOptions = !std::is_same_v<std::remove_cvref_t<F>, SpawnOptions>;

class RuntimeCore;

// The runtime that a plain spawn() means: the current fiber's, or the one that this thread has
// entered. Aborts by name where there is none.
UMCG_API RuntimeCore& current_runtime();

// A descriptor, and room for a task of `size` bytes.
struct NewFiber {
  FiberCore* fiber;
  void* storage;
};
// Throws std::bad_alloc.
UMCG_API NewFiber create_fiber(RuntimeCore& rt, const SpawnOptions* options, std::size_t size,
                               std::size_t align);
// Gives back a descriptor whose task could not be built.
UMCG_API void discard_fiber(FiberCore* fiber) noexcept;
// Makes the fiber ready. With detached, nobody will join it. Never suspends. Throws, with the fiber
// discarded, if it is to be bound and there is no thread.
UMCG_API void start_fiber(FiberCore* fiber, const TaskOps* ops, bool detached);

// Until its task is built.
struct UnbuiltFiber {
  FiberCore* fiber;
  ~UnbuiltFiber() {
    if (fiber != nullptr) discard_fiber(fiber);
  }
};

// A fiber that is complete but for start_fiber().
struct BuiltFiber {
  FiberCore* fiber;
  const TaskOps* ops;
};

template <class F, class... A>
BuiltFiber build_fiber(RuntimeCore& rt, const SpawnOptions* options, F&& f, A&&... a) {
  using R = launch_result_t<F, A...>;
  using T = Task<R, F, A...>;
  const NewFiber made = create_fiber(rt, options, sizeof(T), alignof(T));
  UnbuiltFiber unbuilt{made.fiber};
  ::new (made.storage) T(std::in_place, std::forward<F>(f), std::forward<A>(a)...);
  return {std::exchange(unbuilt.fiber, nullptr), &T::ops};
}

template <class F, class... A>
FiberCore* launch(RuntimeCore& rt, const SpawnOptions* options, bool detached, F&& f, A&&... a) {
  const BuiltFiber built = build_fiber(rt, options, std::forward<F>(f), std::forward<A>(a)...);
  start_fiber(built.fiber, built.ops, detached);
  return built.fiber;
}

}  // namespace internal
}  // namespace umcg::inline v0

#endif  // UMCG_INTERNAL_LAUNCH_H_
