// SPDX-License-Identifier: Apache-2.0
// kernel_api.cc - umcg/kernel.h: checks what a stranger passes and calls task.h.
#include <cerrno>

#include "kernel_shim/registration.h"
#include "kernel_shim/timespec.h"
#include "kernel_shim/workers/group.h"
#include "kernel_shim/workers/hand_over.h"
#include "kernel_shim/workers/member_word.h"
#include "umcg/kernel.h"

namespace shim = umcg::internal::shim;

long umcg_api_version(uint32_t requested, uint32_t flags) {
  if (flags != 0) return -EINVAL;
  return requested == UMCG_API_VERSION ? 0 : static_cast<long>(UMCG_API_VERSION);
}

int umcg_create_group(uint32_t api_version, uint64_t flags) {
  if (api_version != UMCG_API_VERSION) return -EOPNOTSUPP;
  const shim::KeepErrno errno_is_kept;
  return shim::create_group(flags);
}

int umcg_destroy_group(uint32_t group_id) { return shim::destroy_group(group_id); }

int umcg_register_task(uint32_t api_version, uint32_t flags, uint32_t group_id, umcg_tid* self) {
  if (api_version != UMCG_API_VERSION) return -EOPNOTSUPP;
  if (flags > UMCG_REGISTER_SERVER || self == nullptr) return -EINVAL;
  const shim::KeepErrno errno_is_kept;
  if (flags == UMCG_REGISTER_CORE_TASK) {
    return group_id == UMCG_NOID ? shim::register_thread(self) : -EINVAL;
  }
  shim::Group* const group = shim::join_group(group_id);
  if (group == nullptr) return -ESRCH;
  const shim::Role role = flags == UMCG_REGISTER_WORKER ? shim::Role::kWorker : shim::Role::kServer;
  const int result = shim::register_thread(*group, role, self);
  if (result != 0) shim::leave_group(*group);
  return result;
}

int umcg_unregister_task(uint32_t flags) {
  const shim::KeepErrno errno_is_kept;
  return flags == 0 ? shim::unregister_thread() : -EINVAL;
}

int umcg_wait(uint32_t flags, const struct timespec* abs_timeout) {
  const shim::Registered self = shim::registered();
  std::int64_t deadline_ns;
  if (flags != 0 || self.task == nullptr || !shim::to_deadline(abs_timeout, &deadline_ns))
    return -EINVAL;
  if (self.member != nullptr) return shim::worker_wait(*self.member, deadline_ns);
  return shim::wait_interruptible(*self.task, deadline_ns);
}

int umcg_wake(uint32_t flags, umcg_tid next) {
  if (flags != 0) return -EINVAL;
  const shim::Inside inside(shim::registered_member());
  return shim::is_member(next) ? shim::wake_member(next) : shim::wake(next);
}

int umcg_swap(uint32_t wake_flags, umcg_tid next, uint32_t wait_flags,
              const struct timespec* abs_timeout) {
  const shim::Registered self = shim::registered();
  std::int64_t deadline_ns;
  // All that can be wrong with the wait is found before anybody is woken.
  if (wake_flags != 0 || wait_flags != 0 || self.task == nullptr ||
      !shim::to_deadline(abs_timeout, &deadline_ns)) {
    return -EINVAL;
  }
  if (self.member != nullptr) return shim::worker_swap(*self.member, next, deadline_ns);
  if (!shim::is_member(next)) return shim::swap_interruptible(*self.task, next, deadline_ns);
  if (const int error = shim::wake_member(next); error != 0) return error;
  return shim::wait_interruptible(*self.task, deadline_ns);
}

int umcg_get_task_state(umcg_tid tid, uint32_t* state) {
  if (state == nullptr) return -EINVAL;
  return shim::is_member(tid) ? shim::get_member_state(tid, state) : shim::get_state(tid, state);
}

int umcg_poll_worker(uint32_t flags, umcg_tid* worker) {
  shim::Member* const self = shim::registered_member();
  if ((flags & ~UMCG_POLL_NOWAIT) != 0 || self == nullptr || worker == nullptr) return -EINVAL;
  return shim::poll_worker(*self, (flags & UMCG_POLL_NOWAIT) != 0, worker);
}

int umcg_run_worker(uint32_t flags, umcg_tid worker, umcg_tid* last) {
  shim::Member* const self = shim::registered_member();
  if (flags != 0 || self == nullptr || last == nullptr) return -EINVAL;
  return shim::run_worker(*self, worker, last);
}

int umcg_preempt_worker(uint32_t flags, umcg_tid worker) {
  if (flags != 0) return -EINVAL;
  const shim::KeepErrno errno_is_kept;
  const shim::Inside inside(shim::registered_member());
  return shim::preempt_worker(worker);
}
