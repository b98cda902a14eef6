// SPDX-License-Identifier: Apache-2.0
// describe_block.h - what a thread of this process waits for, in words, for reports and dumps.
#ifndef UMCG_KERNEL_SHIM_ORACLE_DESCRIBE_BLOCK_H_
#define UMCG_KERNEL_SHIM_ORACLE_DESCRIBE_BLOCK_H_

#include <sys/types.h>

#include <string>
#include <string_view>

namespace umcg::inline v0::internal::shim {

// "in read(2)"; "in system call 999" if it has no name here; "blocked outside a system call" (a
// page fault); "stopped"; "running", which includes waiting for a CPU; "" if /proc does not tell.
// By any thread. Opens files and may change errno.
std::string describe_block(pid_t tid);

// The number of the system call that the thread is blocked in; -1: none, or /proc does not tell.
// By any thread. Opens a file and may change errno.
int blocked_system_call(pid_t tid) noexcept;

// "read" for SYS_read; empty if the table does not have it. All that can block are there.
std::string_view syscall_name(long number) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_ORACLE_DESCRIBE_BLOCK_H_
