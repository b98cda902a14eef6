// SPDX-License-Identifier: Apache-2.0
// registration.cc - see registration.h. The shim's thread_locals live here and nowhere else.
#include "kernel_shim/registration.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>

#include "kernel_shim/workers/group.h"
#include "kernel_shim/workers/hand_over.h"
#include "kernel_shim/workers/member.h"

namespace umcg::inline v0::internal::shim {
namespace {

// Trivial, so that it may be looked at until the very end of the thread.
struct Registration {
  Task* task;
  umcg_tid task_tid;  // 0: none
  Member* member;     // of a worker or server
  bool exiting;
};
constinit thread_local Registration t_registration = {};

struct ExitGuard {
  ~ExitGuard();
  // The first use arms the destructor.
  void arm() noexcept {}
};
thread_local ExitGuard t_exit_guard;

// noinline: a caller on a fiber may be on another thread at its next call, with the address of the
// first thread's variable still in a register.
[[gnu::noinline]] Registration& registration() noexcept { return t_registration; }
[[gnu::noinline]] void arm_exit_guard() noexcept { t_exit_guard.arm(); }

// A forked child inherits the variable, but the table knows the tid no more.
bool is_valid(const Registration& mine) noexcept {
  std::uint32_t state;
  return get_state(mine.task_tid, &state) == 0;
}

ExitGuard::~ExitGuard() {
  Registration& mine = registration();
  if (is_valid(mine)) {
    if (mine.member != nullptr) {
      end_member(*mine.member);
    } else {
      release_task(mine.task);
    }
  }
  mine = {.task = nullptr, .task_tid = 0, .member = nullptr, .exiting = true};
}

bool blocks_sigtrap() noexcept {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, SIGTRAP) == 1;
}

// After the guard's destructor nobody would give the task back.
bool may_register() noexcept {
  const Registration& mine = registration();
  return !mine.exiting && !is_valid(mine);
}

}  // namespace

Registered registered() noexcept {
  const Registration& mine = registration();
  if (!is_valid(mine)) return {};
  return {.task = mine.task, .member = mine.member};
}

Member* registered_member() noexcept {
  const Registration& mine = registration();
  return mine.member != nullptr && is_valid(mine) ? mine.member : nullptr;
}

int register_thread(umcg_tid* self) noexcept {
  if (!may_register()) return -EINVAL;
  Task* task = acquire_task();
  if (task == nullptr) return -ENOMEM;
  Registration& mine = registration();
  mine.task = task;
  mine.task_tid = tid_of(*task);
  mine.member = nullptr;
  *self = mine.task_tid;
  arm_exit_guard();
  return 0;
}

int register_thread(Group& group, Role role, umcg_tid* self) noexcept {
  if (!may_register() || (group.flags != 0 && role == Role::kWorker && blocks_sigtrap())) {
    return -EINVAL;
  }
  Task* task = acquire_task();
  Member* const member = task == nullptr ? nullptr : prepare_member(group, *task, role);
  if (member == nullptr) {
    if (task != nullptr) release_task(task);
    return -ENOMEM;
  }
  // Before it can be run, and trapped.
  Registration& mine = registration();
  mine.task = task;
  mine.task_tid = tid_of(*task);
  mine.member = member;
  *self = tid_of(*member);
  arm_exit_guard();
  start_member(*member, role);
  return 0;
}

int unregister_thread() noexcept {
  const Registered now = registered();
  if (now.task == nullptr) return -EINVAL;
  if (now.member != nullptr) {
    if (const int error = unregister_member(*now.member); error != 0) return error;
  } else {
    release_task(now.task);
  }
  Registration& mine = registration();
  mine.task_tid = 0;
  mine.member = nullptr;
  return 0;
}

KeepErrno::KeepErrno() noexcept : saved_(errno) {}
KeepErrno::~KeepErrno() { errno = saved_; }

}  // namespace umcg::inline v0::internal::shim
