// SPDX-License-Identifier: Apache-2.0
// child.h - code that runs in a forked child: for what changes a whole process, or may hang.
#ifndef UMCG_TESTS_SUPPORT_CHILD_H_
#define UMCG_TESTS_SUPPORT_CHILD_H_

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "support/eventually.h"
#include "support/standbys_gone.h"

namespace umcg_test {

// f() runs in the child; what it returns is the exit code. No runtime may live in the parent.
class Child {
 public:
  template <class F>
  explicit Child(F f) {
    await_end_of_standbys();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) ::_exit(f());
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait_for_exit();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

  // Whether it ends in that time. It must be asked for its exit code all the same.
  bool ends_within(std::chrono::steady_clock::duration time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    for (;;) {
      siginfo_t info{};
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid != 0) return true;
      if (std::chrono::steady_clock::now() > end) return false;
      ::usleep(5000);
    }
  }

  // 1000 and more: killed by that signal, SIGKILL by us if it did not end for kLong.
  int exit_code() {
    if (!ends_within(2 * kLong)) ::kill(pid_, SIGKILL);
    const int status = wait_for_exit();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  int wait_for_exit() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_CHILD_H_
