// SPDX-License-Identifier: Apache-2.0
// stopper.h - other processes that stop threads of this one.
#ifndef UMCG_TESTS_KERNEL_SHIM_STOPPER_H_
#define UMCG_TESTS_KERNEL_SHIM_STOPPER_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace umcg_test {

// A child process that holds one thread of ours in a ptrace stop, as a debugger would.
class Stopper {
 public:
  explicit Stopper(pid_t thread) {
    EXPECT_EQ(::pipe(told_), 0);
    EXPECT_EQ(::pipe(asked_), 0);
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);  // where Yama asks for it
    child_ = ::fork();
    if (child_ == 0) {
      const char stopped = stop(thread) ? 'y' : 'n';
      (void)!::write(told_[1], &stopped, 1);
      char c;
      ::close(asked_[1]);
      (void)!::read(asked_[0], &c, 1);
      ::_exit(0);  // detaches
    }
    char answer = 'n';
    has_stopped_it_ = ::read(told_[0], &answer, 1) == 1 && answer == 'y';
  }
  ~Stopper() {
    let_go();
    for (const int fd : {told_[0], told_[1], asked_[0]}) ::close(fd);
  }
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

  bool has_stopped_it() const { return has_stopped_it_; }
  void let_go() {
    if (child_ <= 0) return;
    ::close(asked_[1]);
    EXPECT_EQ(::waitpid(child_, nullptr, 0), child_);
    child_ = 0;
  }

 private:
  static bool stop(pid_t thread) {
    int status = 0;
    return ::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0 &&
           ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0 &&
           ::waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status);
  }

  int told_[2];
  int asked_[2];
  pid_t child_ = -1;
  bool has_stopped_it_ = false;
};

// Starts a child that stops this process n times, for half a millisecond each, and then ends.
inline pid_t stop_and_continue_this_process(int n) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (int i = 0; i < n; ++i) {
    constexpr timespec kNap{0, 500'000};
    ::kill(parent, SIGSTOP);
    ::nanosleep(&kNap, nullptr);
    ::kill(parent, SIGCONT);
    ::nanosleep(&kNap, nullptr);
  }
  ::_exit(0);
}

inline bool has_ended(pid_t child) { return ::waitpid(child, nullptr, WNOHANG) == child; }

}  // namespace umcg_test

#endif  // UMCG_TESTS_KERNEL_SHIM_STOPPER_H_
