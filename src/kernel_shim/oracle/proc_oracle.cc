// SPDX-License-Identifier: Apache-2.0
// proc_oracle.cc - looks into /proc: a thread is blocked if it is not runnable and not stopped.
//
// One look is enough, and it tells a blocked thread from one that is merely preempted. It costs the
// subject nothing. It needs two open files for each thread, and a /proc that lets a process look at
// itself: one that has given up being dumpable, and is not root, may not open them.
#include <sys/resource.h>
#include <unistd.h>

#include "kernel_shim/oracle/kinds.h"
#include "kernel_shim/oracle/proc_files.h"

namespace umcg::inline v0::internal::shim {
namespace {

void close_if_open(int& fd) noexcept {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// The lowest free number is given out, so a high one tells that many are in use. The upper half is
// left to the program, which has more need of them.
bool is_affordable(int fd) noexcept {
  rlimit limit;
  return fd >= 0 && ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(fd) < limit.rlim_cur / 2;
}

class ProcOracle final : public BlockOracle {
 public:
  std::string_view name() const noexcept override { return name_of(OracleKind::kProc); }

  bool attach(Subject& subject) noexcept override {
    if (!BlockOracle::attach(subject)) return false;
    subject.fd = open_own_file("syscall");
    subject.state_fd = open_own_file("stat");
    // It is in pread(2) when it reads this about itself.
    if (is_affordable(subject.fd) && is_affordable(subject.state_fd) &&
        read_syscall_line(subject.fd).kind == SyscallLine::Kind::kNotRunnable) {
      return true;
    }
    detach(subject);
    return false;
  }

  void detach(Subject& subject) noexcept override {
    close_if_open(subject.fd);
    close_if_open(subject.state_fd);
  }

  Look look(const Subject& subject, std::uint64_t& seen) noexcept override {
    seen = 1;
    switch (read_syscall_line(subject.fd).kind) {
      case SyscallLine::Kind::kUnreadable:
        return Look::kUnknown;
      case SyscallLine::Kind::kRunning:
        return Look::kRuns;
      case SyscallLine::Kind::kNotRunnable:
        break;
    }
    switch (read_run_state(subject.state_fd)) {
      case RunState::kSleeping:
        return Look::kBlocked;
      case RunState::kRunnable:
        return Look::kRuns;
      case RunState::kStopped:  // it would go on if it were let
      case RunState::kUnknown:  // it has ended
        return Look::kUnknown;
    }
    return Look::kUnknown;
  }
};

}  // namespace

std::unique_ptr<BlockOracle> make_proc_oracle() { return std::make_unique<ProcOracle>(); }

}  // namespace umcg::inline v0::internal::shim
