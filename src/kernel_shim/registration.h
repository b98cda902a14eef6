// SPDX-License-Identifier: Apache-2.0
// registration.h - the user's task of the calling OS thread: one per thread.
#ifndef UMCG_KERNEL_SHIM_REGISTRATION_H_
#define UMCG_KERNEL_SHIM_REGISTRATION_H_

#include "kernel_shim/task.h"

namespace umcg::inline v0::internal::shim {

// All for the calling thread. The task is none of those that the runtime acquires for itself, so
// that no object that blocks a thread can consume a wake-up that a user gave.

// nullptr: not registered, or inherited through fork() and therefore void.
Task* registered_task() noexcept;
// 0, -EINVAL (registered already, or the thread is exiting), -ENOMEM.
int register_thread(umcg_tid* self) noexcept;
// 0, -EINVAL (not registered). The end of the thread calls it.
int unregister_thread() noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_REGISTRATION_H_
