// SPDX-License-Identifier: Apache-2.0
// signal_set.cc - a signalfd, and for the interruptible wait an eventfd beside it that the stop
// writes to. The wait is a poll(2), announced by blocking_now(): signals are rare, and one thread
// for each wait costs nothing that anybody would notice.
//
// The signalfd does not block: of several who were told of a signal by poll(2) one reads it, and
// the others find nothing and wait on.
//
// Rejected: sigtimedwait(2), which no stop can end; a handler that writes to a pipe (it needs no
// blocked mask, but takes the handler away from the program, and EINTR comes to every thread).
#include "umcg/signal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "runtime/base/clock.h"
#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_queue.h"
#include "umcg/blocking.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

int checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(*errno_location(), std::generic_category(), what);
  return fd;
}

sigset_t set_of(std::initializer_list<int> signals) {
  constexpr int kNot[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    if (std::find(std::begin(kNot), std::end(kNot), signal) != std::end(kNot) ||
        sigaddset(&set, signal) != 0) {
      throw std::invalid_argument("umcg::SignalSet: a signal that cannot be waited for");
    }
  }
  return set;
}

void require_blocked(const sigset_t& set) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (sigismember(&set, signal) == 1 && sigismember(&mask, signal) == 0) {
      die("SignalSet on a fiber, whose threads do not block signal %d: make it before the runtime",
          signal);
    }
  }
}

// Written to by a stop.
class Bell {
 public:
  explicit Bell(const std::stop_token& stop)
      : fd_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "umcg::SignalSet: eventfd")),
        ring_(std::in_place, stop, Ring{fd_}) {}
  ~Bell() {
    ring_.reset();
    ::close(fd_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  struct Ring {
    int fd;
    void operator()() const noexcept { (void)::eventfd_write(fd, 1); }
  };
  const int fd_;
  std::optional<std::stop_callback<Ring>> ring_;
};

// The number of a signal that has come, or 0.
int take(int fd) {
  signalfd_siginfo info;
  return ::read(fd, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void poll_once(int fd, int bell, Deadline deadline) {
  pollfd fds[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                  {.fd = bell, .events = POLLIN, .revents = 0}};
  timespec left{};
  if (!deadline.is_never()) {
    const std::int64_t ns = std::max<std::int64_t>(0, deadline.ns() - now_ns());
    left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  const int error = blocking_now([&] {
    const int n = ::ppoll(fds, 2, deadline.is_never() ? nullptr : &left, nullptr);
    return n < 0 ? *errno_location() : 0;
  });
  if (error != 0 && error != EINTR) die("SignalSet: ppoll failed with error %d", error);
}

SignalResult wait_on(int fd, const std::stop_token* stop, Deadline deadline) {
  std::optional<Bell> bell;
  for (;;) {
    if (const int signal = take(fd); signal != 0) return {WaitStatus::kReady, signal};
    if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
      return {early, 0};
    }
    if (stop != nullptr && stop->stop_possible() && !bell) bell.emplace(*stop);
    poll_once(fd, bell ? bell->fd() : -1, deadline);
  }
}

}  // namespace

SignalSet::SignalSet(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  if (current_fiber() != nullptr) {
    require_blocked(set);
  } else {
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }
  fd_ = checked(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "umcg::SignalSet: signalfd");
}

SignalSet::~SignalSet() { ::close(fd_); }

int SignalSet::wait() { return wait_on(fd_, nullptr, Deadline()).signal; }

SignalResult SignalSet::wait(std::stop_token stop, Deadline deadline) {
  return wait_on(fd_, &stop, deadline);
}

}  // namespace umcg::inline v0
