// SPDX-License-Identifier: Apache-2.0
// registration.h - what the calling OS thread is registered as: a core task, a worker, a server, or
// nothing.
#ifndef UMCG_KERNEL_SHIM_REGISTRATION_H_
#define UMCG_KERNEL_SHIM_REGISTRATION_H_

#include "kernel_shim/task.h"

namespace umcg::inline v0::internal::shim {

struct Group;

// All for the calling thread. The task is none of those that the runtime acquires for itself, so
// that no object that blocks a thread can consume a wake-up that a user gave.

struct Registered {
  Task* task = nullptr;      // nullptr: not registered, or inherited through fork() and so void
  Member* member = nullptr;  // nullptr: a core task
};
Registered registered() noexcept;
// nullptr: not a worker or server. Costs next to nothing if so.
Member* registered_member() noexcept;

// 0, -EINVAL (registered already, or the thread is exiting), -ENOMEM.
int register_thread(umcg_tid* self) noexcept;
// The same as a worker or server; the caller has joined the group, and leaves it if this fails.
// Also -EINVAL: the group stops its workers by SIGTRAP, which this thread blocks.
enum class Role : std::uint8_t { kWorker, kServer };
int register_thread(Group& group, Role role, umcg_tid* self) noexcept;
// 0, -EINVAL (not registered, or not now).
int unregister_thread() noexcept;

// Leaves errno, which belongs to the user, as it was at its beginning.
class KeepErrno {
 public:
  KeepErrno() noexcept;
  ~KeepErrno();
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  const int saved_;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_REGISTRATION_H_
