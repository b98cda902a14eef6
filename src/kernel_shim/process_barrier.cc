// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/process_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel_shim/registration.h"

namespace umcg::inline v0::internal::shim {

bool prepare_process_barrier() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void process_barrier() noexcept {
  const KeepErrno errno_is_kept;
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return;
  // What the barrier is for is that no store waits in a store buffer any more. None does so for a
  // thousandth of this.
  const timespec ms{.tv_sec = 0, .tv_nsec = 1'000'000};
  (void)::nanosleep(&ms, nullptr);
}

}  // namespace umcg::inline v0::internal::shim
