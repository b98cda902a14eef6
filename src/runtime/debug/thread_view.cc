// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/thread_view.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel_shim/oracle/proc_files.h"
#include "runtime/base/clock.h"
#include "runtime/context/thread_state.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::int64_t kPatience = 100'000'000;

enum State : std::uint32_t { kFree, kPreparing, kAsked, kAnswering, kAnswered };

struct Question {
  std::atomic<std::uint32_t> state{kFree};
  // Written by the asker before kAsked, which is a release.
  pid_t thread = 0;
  StackRange stack;
  Unwinder* unwinder = nullptr;
  Backtrace* result = nullptr;
};
constinit Question g_question;
constinit std::atomic<int> g_signal{0};  // -1: none is free

void answer(int, siginfo_t*, void* context) noexcept {
  int* const error = errno_location();
  const int before = *error;
  std::uint32_t asked = kAsked;
  // Acquire pairs with the release of ask_for_backtrace(), and the release below with its acquire.
  if (g_question.state.compare_exchange_strong(asked, kPreparing, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
    if (g_question.thread == static_cast<pid_t>(::syscall(SYS_gettid))) {
      g_question.state.store(kAnswering, std::memory_order_relaxed);
      g_question.unwinder->walk(Registers::interrupted_at(*static_cast<const ucontext_t*>(context)),
                                g_question.stack, *g_question.result);
      g_question.state.store(kAnswered, std::memory_order_release);
    } else {
      g_question.state.store(kAsked, std::memory_order_release);
    }
  }
  *error = before;
}

int install() noexcept {
  for (int number = SIGRTMAX; number >= SIGRTMIN; --number) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_sigaction = answer;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    if (sigaction(number, &ours, nullptr) == 0) return number;
  }
  return -1;
}

void nap() noexcept {
  constexpr timespec kNap{0, 20'000};
  ::nanosleep(&kNap, nullptr);
}

// Until it is answered; false: taken back.
bool wait_for_answer() noexcept {
  const std::int64_t until = now_ns() + kPatience;
  for (;;) {
    std::uint32_t state = g_question.state.load(std::memory_order_acquire);
    if (state == kAnswered) return true;
    if (state == kAsked && now_ns() > until &&
        g_question.state.compare_exchange_strong(state, kPreparing, std::memory_order_acquire)) {
      return false;
    }
    nap();
  }
}

}  // namespace

bool prepare_to_ask() noexcept {
  int number = g_signal.load(std::memory_order_acquire);
  if (number == 0) {
    number = install();
    int none = 0;
    // A second thread that comes here at once has taken a second signal, which is lost.
    if (!g_signal.compare_exchange_strong(none, number, std::memory_order_acq_rel)) number = none;
  }
  return number > 0;
}

bool ask_for_backtrace(pid_t tid, const StackRange& stack, Unwinder& unwinder,
                       Backtrace& result) noexcept {
  const int number = g_signal.load(std::memory_order_acquire);
  std::uint32_t free = kFree;
  if (number <= 0 || tid == static_cast<pid_t>(::syscall(SYS_gettid)) ||
      !g_question.state.compare_exchange_strong(free, kPreparing, std::memory_order_acquire)) {
    return false;
  }
  g_question.thread = tid;
  g_question.stack = stack;
  g_question.unwinder = &unwinder;
  g_question.result = &result;
  g_question.state.store(kAsked, std::memory_order_release);
  const bool sent = ::syscall(SYS_tgkill, ::getpid(), tid, number) == 0;
  const bool answered = sent && wait_for_answer();
  g_question.state.store(kFree, std::memory_order_release);
  return answered;
}

ThreadView look_at_thread(pid_t tid) noexcept {
  ThreadView view;
  const shim::ProcFile file(shim::open_file_of(tid, "syscall"));
  char line[256];
  const ssize_t n = ::pread(file.fd(), line, sizeof line - 1, 0);
  if (n <= 0) return view;
  line[n] = '\0';
  if (std::strncmp(line, "running", 7) == 0) {
    view.doing = ThreadView::Doing::kRunning;
    return view;
  }
  // The call's number, six arguments unless that is -1, stack pointer, program counter.
  char* at = line;
  view.call = std::strtol(at, &at, 10);
  std::uint64_t numbers[8] = {};
  const int count = view.call < 0 ? 2 : 8;
  for (int i = 0; i < count; ++i) numbers[i] = std::strtoull(at, &at, 16);
  view.doing = view.call < 0 ? ThreadView::Doing::kBlocked : ThreadView::Doing::kSystemCall;
  view.first_argument = numbers[0];
  view.sp = numbers[count - 2];
  view.pc = numbers[count - 1];
  return view;
}

}  // namespace umcg::inline v0::internal
