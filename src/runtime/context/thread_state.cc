// SPDX-License-Identifier: Apache-2.0
#include "runtime/context/thread_state.h"

#include <cxxabi.h>

#include <cerrno>
#include <utility>

#include "kernel_shim/task.h"
#include "runtime/base/report.h"
#include "runtime/fiber/fiber_locals.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/thread_record.h"

// Which shared object, or program, this is part of: it stays loaded for what it has noted.
extern "C" {
// NOLINTNEXTLINE(bugprone-reserved-identifier): the compiler's
extern void* __dso_handle __attribute__((visibility("hidden")));
}

namespace umcg::inline v0::internal {

// The name is for the instructions of current_worker(). Each copy of the library has its own:
// hidden.
extern constinit thread_local Worker* t_worker __asm__("umcg_v0_current_worker");
[[gnu::tls_model("initial-exec"),
  gnu::visibility("hidden")]] constinit thread_local Worker* t_worker = nullptr;

namespace {

// initial-exec: one load relative to the thread pointer, also from the shared library.
[[gnu::tls_model("initial-exec")]] constinit thread_local Runtime* t_entered = nullptr;
// Its address is the thread's token.
[[gnu::tls_model("initial-exec")]] alignas(16) constinit thread_local char t_identity = 0;
[[gnu::tls_model("initial-exec")]] constinit thread_local std::uint32_t t_random = 0;

// What a thread has is given back at its end, which is not one moment: destructors of thread_local
// objects run one after the other, and each may wait or make values anew. So whatever is taken is
// noted as it is taken: the last one noted is called first, what is noted meanwhile next. A
// thread_local object with a destructor would be destroyed once, and what came later never.
void at_thread_end(void (*give_back)(void*), void* what) noexcept {
  (void)abi::__cxa_thread_atexit(give_back, what, &__dso_handle);
}

struct TaskHolder {
  shim::Task* task = nullptr;
  umcg_tid tid = 0;
  // A forked child inherits the variable, but the table knows the tid no more: the slot is free
  // there, or somebody else's.
  bool is_ours() const noexcept {
    std::uint32_t state;
    return shim::get_state(tid, &state) == 0;
  }
};
constinit thread_local TaskHolder t_task;
constinit thread_local ThreadRecord* t_record = nullptr;
constinit thread_local LocalValue* t_locals = nullptr;
constinit thread_local bool t_locals_noted = false;

// Keeps a compiler from merging two calls of an accessor into one.
inline void opaque() noexcept { asm volatile("" ::: "memory"); }

}  // namespace

#if !defined(__x86_64__)
Worker* current_worker() noexcept {
  opaque();
  return t_worker;
}
#endif

void set_current_worker(Worker* worker) noexcept { t_worker = worker; }

Runtime* entered_runtime() noexcept {
  opaque();
  return t_entered;
}

void set_entered_runtime(Runtime* runtime) noexcept { t_entered = runtime; }

std::uintptr_t thread_token() noexcept {
  opaque();
  return reinterpret_cast<std::uintptr_t>(&t_identity) | kThreadToken;
}

std::uint32_t thread_random() noexcept {
  opaque();
  if (t_random == 0) {
    const auto address = reinterpret_cast<std::uintptr_t>(&t_random);
    t_random = static_cast<std::uint32_t>(address >> 4) * 2654435761u | 1;
  }
  t_random ^= t_random << 13;  // xorshift32
  t_random ^= t_random >> 17;
  t_random ^= t_random << 5;
  return t_random;
}

shim::Task& thread_task() {
  opaque();
  if (!t_task.is_ours()) {
    t_task.task = shim::acquire_task();
    if (t_task.task == nullptr) die("no memory for the task on which this thread is to wait");
    t_task.tid = shim::tid_of(*t_task.task);
    at_thread_end(
        [](void* task) {
          if (t_task.is_ours() && t_task.task == task) shim::release_task(t_task.task);
        },
        t_task.task);
  }
  return *t_task.task;
}

ThreadRecord* thread_record() noexcept {
  opaque();
  if (t_record == nullptr) {
    t_record = take_thread_record(thread_token());
    if (t_record != nullptr) {
      at_thread_end([](void*) { give_back(*std::exchange(t_record, nullptr)); }, nullptr);
    }
  }
  return t_record;
}

LocalValue*& thread_locals() noexcept {
  opaque();
  return t_locals;
}

void destroy_thread_locals_at_end() noexcept {
  if (std::exchange(t_locals_noted, true)) return;
  at_thread_end(
      [](void*) {
        t_locals_noted = false;
        destroy_locals(t_locals);
      },
      nullptr);
}

int* errno_location() noexcept { return &errno; }

ExceptionState* exception_state() noexcept {
  return reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
}

}  // namespace umcg::inline v0::internal
