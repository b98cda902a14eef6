// SPDX-License-Identifier: Apache-2.0
// thread_state.h - the only place that touches thread_local variables, errno and the C++ runtime's
// per-thread exception state.
//
// A fiber may come back from a switch on another thread. Compilers do not know that: they keep the
// address of a thread_local variable, and of errno, in a register across the call. So every access
// is a call that the compiler cannot look into and must make anew each time, or, for the one on
// each hot path, instructions that it cannot look into. Nothing else in src/runtime may name errno
// or declare a thread_local (tools/check_tree.sh enforces it).
#ifndef UMCG_RUNTIME_CONTEXT_THREAD_STATE_H_
#define UMCG_RUNTIME_CONTEXT_THREAD_STATE_H_

#include <cstdint>

#if defined(__clang__)
#define UMCG_OPAQUE __attribute__((noinline))
#else
#define UMCG_OPAQUE __attribute__((noipa))
#endif

namespace umcg::inline v0 {
class Runtime;
}

namespace umcg::inline v0::internal {

namespace shim {
struct Task;
}
struct LocalValue;
struct ThreadRecord;
struct Worker;

// What libstdc++ and libc++abi keep per thread about exceptions in flight (Itanium C++ ABI, 2.2.2).
struct ExceptionState {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

// The worker that this thread is, or null on a plain thread. What runs on it: worker.h.
#if defined(__x86_64__)
inline Worker* current_worker() noexcept {
  Worker* worker;
  asm volatile(
      "movq umcg_v0_current_worker@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=r"(worker)
      :
      : "memory");
  return worker;
}
#else
UMCG_OPAQUE Worker* current_worker() noexcept;
#endif
void set_current_worker(Worker* worker) noexcept;

// The runtime that this plain thread has entered, or null.
UMCG_OPAQUE Runtime* entered_runtime() noexcept;
void set_entered_runtime(Runtime* runtime) noexcept;

// Identity of this thread, for locks: unique among what lives, and with this bit set.
inline constexpr std::uintptr_t kThreadToken = 2;
UMCG_OPAQUE std::uintptr_t thread_token() noexcept;

// Pseudo-random, of a sequence of this thread's own. For choices that are to be fair, and waits
// that are not to be in step.
UMCG_OPAQUE std::uint32_t thread_random() noexcept;

// The task on which this thread sleeps when it waits for something of ours. Made on first use,
// given back at thread exit; aborts if there is no memory for one.
UMCG_OPAQUE shim::Task& thread_task();

// Where this plain thread shows what it waits for. Null: no memory.
UMCG_OPAQUE ThreadRecord* thread_record() noexcept;

// The values of FiberLocals on a thread without a fiber. Whoever makes one sees to it that it is
// destroyed at the thread's end.
UMCG_OPAQUE LocalValue*& thread_locals() noexcept;
UMCG_OPAQUE void destroy_thread_locals_at_end() noexcept;

// Constant for the life of a thread: a worker asks once and keeps them.
int* errno_location() noexcept;
ExceptionState* exception_state() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_THREAD_STATE_H_
