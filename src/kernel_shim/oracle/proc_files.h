// SPDX-License-Identifier: Apache-2.0
// proc_files.h - the two files in /proc that tell what a thread of this process is doing.
//
// `syscall` is exact: for a thread that is not runnable the kernel waits until it is off its CPU
// before it writes more than "running". `stat` alone is not: a thread that goes to sleep has state
// S while it still runs. But only `stat` tells one that is stopped from one that is blocked.
#ifndef UMCG_KERNEL_SHIM_ORACLE_PROC_FILES_H_
#define UMCG_KERNEL_SHIM_ORACLE_PROC_FILES_H_

#include <sys/types.h>

#include <cstdint>

#include "kernel_shim/run_state.h"

namespace umcg::inline v0::internal::shim {

// A descriptor that is closed at the end of the scope; -1 is none.
class ProcFile {
 public:
  explicit ProcFile(int fd) noexcept : fd_(fd) {}
  ~ProcFile();
  ProcFile(const ProcFile&) = delete;
  ProcFile& operator=(const ProcFile&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  const int fd_;
};

// A file of the calling thread, to be closed; -1 if it cannot be had. /proc may number threads
// otherwise than this process does (PID namespaces), so no tid goes in.
int open_own_file(const char* name) noexcept;
// The same of any thread of this process.
int open_file_of(pid_t tid, const char* name) noexcept;

struct SyscallLine {
  enum class Kind : unsigned char { kUnreadable, kRunning, kNotRunnable } kind = Kind::kUnreadable;
  long number = -1;  // of kNotRunnable: the system call; -1 outside any, as in a page fault
};

// Of an open `syscall`. No allocation. At worst the kernel naps a tick in there, if the subject is
// caught between the decision to sleep and the switch.
SyscallLine read_syscall_line(int fd) noexcept;

// Of an open `syscall`: where the thread will go on in user code when the system call that it
// sleeps in is done. 0: it runs, or sleeps outside a system call, or it cannot be read.
std::uint64_t read_blocked_address(int fd) noexcept;

// Of an open `stat`. A thread that has ended is kUnknown.
RunState read_run_state(int fd) noexcept;
// Of an open `stat`: the CPU that the thread runs on, or ran on last; -1 if it cannot be read.
int read_last_cpu(int fd) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_ORACLE_PROC_FILES_H_
