// SPDX-License-Identifier: Apache-2.0
// kernel_api.cc - umcg/kernel.h: checks what a stranger passes and calls task.h.
#include <cerrno>

#include "kernel_shim/registration.h"
#include "kernel_shim/timespec.h"
#include "umcg/kernel.h"

namespace shim = umcg::internal::shim;

long umcg_api_version(uint32_t requested, uint32_t flags) {
  if (flags != 0) return -EINVAL;
  return requested == UMCG_API_VERSION ? 0 : static_cast<long>(UMCG_API_VERSION);
}

int umcg_register_task(uint32_t api_version, uint32_t flags, uint32_t group_id, umcg_tid* self) {
  if (api_version != UMCG_API_VERSION) return -EOPNOTSUPP;
  if (flags != UMCG_REGISTER_CORE_TASK || group_id != UMCG_NOID || self == nullptr) return -EINVAL;
  return shim::register_thread(self);
}

int umcg_unregister_task(uint32_t flags) {
  return flags == 0 ? shim::unregister_thread() : -EINVAL;
}

int umcg_wait(uint32_t flags, const struct timespec* abs_timeout) {
  shim::Task* self = shim::registered_task();
  std::int64_t deadline_ns;
  if (flags != 0 || self == nullptr || !shim::to_deadline(abs_timeout, &deadline_ns))
    return -EINVAL;
  return shim::wait_interruptible(*self, deadline_ns);
}

int umcg_wake(uint32_t flags, umcg_tid next) { return flags == 0 ? shim::wake(next) : -EINVAL; }

int umcg_swap(uint32_t wake_flags, umcg_tid next, uint32_t wait_flags,
              const struct timespec* abs_timeout) {
  shim::Task* self = shim::registered_task();
  std::int64_t deadline_ns;
  // All that can be wrong with the wait is found before anybody is woken.
  if (wake_flags != 0 || wait_flags != 0 || self == nullptr ||
      !shim::to_deadline(abs_timeout, &deadline_ns)) {
    return -EINVAL;
  }
  return shim::swap_interruptible(*self, next, deadline_ns);
}

int umcg_get_task_state(umcg_tid tid, uint32_t* state) {
  return state == nullptr ? -EINVAL : shim::get_state(tid, state);
}
