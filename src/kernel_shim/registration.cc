// SPDX-License-Identifier: Apache-2.0
// registration.cc - see registration.h. The shim's thread_locals live here and nowhere else.
#include "kernel_shim/registration.h"

#include <cerrno>

namespace umcg::inline v0::internal::shim {
namespace {

// Trivial, so that it may be looked at until the very end of the thread.
struct Registration {
  Task* task;
  umcg_tid tid;  // 0: none
  bool exiting;
};
constinit thread_local Registration t_registration = {};

struct ExitGuard {
  ~ExitGuard() {
    unregister_thread();
    t_registration.exiting = true;
  }
  // The first use arms the destructor.
  void arm() noexcept {}
};
thread_local ExitGuard t_exit_guard;

// noinline: a caller on a fiber may be on another thread at its next call, with the address of the
// first thread's variable still in a register.
[[gnu::noinline]] Registration& registration() noexcept { return t_registration; }
[[gnu::noinline]] void arm_exit_guard() noexcept { t_exit_guard.arm(); }

}  // namespace

Task* registered_task() noexcept {
  const Registration& mine = registration();
  std::uint32_t state;
  // A forked child inherits the variable, but the table knows the tid no more.
  return get_state(mine.tid, &state) == 0 ? mine.task : nullptr;
}

int register_thread(umcg_tid* self) noexcept {
  Registration& mine = registration();
  // After the guard's destructor nobody would give the task back.
  if (mine.exiting || registered_task() != nullptr) return -EINVAL;
  Task* task = acquire_task();
  if (task == nullptr) return -ENOMEM;
  mine.task = task;
  mine.tid = tid_of(*task);
  *self = mine.tid;
  arm_exit_guard();
  return 0;
}

int unregister_thread() noexcept {
  Task* task = registered_task();
  if (task == nullptr) return -EINVAL;
  registration().tid = 0;
  release_task(task);
  return 0;
}

}  // namespace umcg::inline v0::internal::shim
