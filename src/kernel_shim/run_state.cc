// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/run_state.h"

#include "kernel_shim/oracle/proc_files.h"

namespace umcg::inline v0::internal::shim {

RunState run_state_of(pid_t tid) noexcept {
  return read_run_state(ProcFile(open_file_of(tid, "stat")).fd());
}

int last_cpu_of(pid_t tid) noexcept {
  return read_last_cpu(ProcFile(open_file_of(tid, "stat")).fd());
}

}  // namespace umcg::inline v0::internal::shim
