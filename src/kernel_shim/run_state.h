// SPDX-License-Identifier: Apache-2.0
// run_state.h - whether a thread of this process wants a CPU, as /proc tells.
#ifndef UMCG_KERNEL_SHIM_RUN_STATE_H_
#define UMCG_KERNEL_SHIM_RUN_STATE_H_

#include <sys/types.h>

#include <cstdint>

namespace umcg::inline v0::internal::shim {

enum class RunState : std::uint8_t {
  kUnknown,   // no /proc, no such thread
  kRunnable,  // on a CPU, or waiting for one
  kSleeping,  // blocked in the kernel
  kStopped,   // by a signal or a debugger
};

// Any thread. About 7 us; opens a file.
RunState run_state_of(pid_t tid) noexcept;

// The CPU that it runs on, or ran on last; -1 if /proc does not tell.
int last_cpu_of(pid_t tid) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_RUN_STATE_H_
