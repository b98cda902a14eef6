// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/oracle/describe_block.h"

#include "kernel_shim/oracle/proc_files.h"

namespace umcg::inline v0::internal::shim {

std::string describe_block(pid_t tid) {
  const ProcFile syscall(open_file_of(tid, "syscall"));
  const SyscallLine line = read_syscall_line(syscall.fd());
  if (line.kind == SyscallLine::Kind::kUnreadable) return {};
  const ProcFile stat(open_file_of(tid, "stat"));
  if (read_run_state(stat.fd()) == RunState::kStopped) return "stopped";
  if (line.kind == SyscallLine::Kind::kRunning) return "running";
  if (line.number < 0) return "blocked outside a system call";
  const std::string_view name = syscall_name(line.number);
  if (name.empty()) return "in system call " + std::to_string(line.number);
  return "in " + std::string(name) + "(2)";
}

int blocked_system_call(pid_t tid) noexcept {
  const ProcFile syscall(open_file_of(tid, "syscall"));
  return static_cast<int>(read_syscall_line(syscall.fd()).number);
}

}  // namespace umcg::inline v0::internal::shim
