// SPDX-License-Identifier: Apache-2.0
#include "runtime/blocking/interrupts.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/report.h"

namespace umcg::inline v0::internal {
namespace {

void do_nothing(int) {}

bool is_free(int number) noexcept {
  struct sigaction now {};
  return sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_DFL;
}

int install() noexcept {
  sigset_t blocked;
  sigemptyset(&blocked);
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  int chosen = 0;
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    const bool better =
        chosen == 0 || sigismember(&blocked, chosen) >= sigismember(&blocked, number);
    if (is_free(number) && better) chosen = number;
  }
  struct sigaction ours {};
  ours.sa_handler = do_nothing;
  if (chosen != 0 && sigaction(chosen, &ours, nullptr) == 0) return chosen;
  die("interruptible(): the program handles every real-time signal itself; one must be free");
}

int signal_number() noexcept {
  static const int number = install();
  return number;
}

sigset_t only_ours() noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number());
  return set;
}

void send(pid_t thread) noexcept {
  (void)::syscall(SYS_tgkill, ::getpid(), thread, signal_number());
}

}  // namespace

void Interrupts::add(Interruptible& call) noexcept {
  call.thread = static_cast<pid_t>(::syscall(SYS_gettid));
  {
    std::lock_guard lock(lock_);
    call.next = first_;
    call.link = &first_;
    if (first_ != nullptr) first_->link = &call.next;
    first_ = &call;
  }
  const sigset_t ours = only_ours();
  sigset_t before;
  sigemptyset(&before);
  pthread_sigmask(SIG_UNBLOCK, &ours, &before);
  call.was_blocked = sigismember(&before, signal_number()) == 1;
}

void Interrupts::remove(Interruptible& call) noexcept {
  const sigset_t ours = only_ours();
  if (!call.nested) pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  {
    std::lock_guard lock(lock_);
    *call.link = call.next;
    if (call.next != nullptr) call.next->link = call.link;
    if (call.stopped) stopped_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (call.nested) return;
  constexpr timespec kNoTime{};
  while (sigtimedwait(&ours, nullptr, &kNoTime) > 0) {
  }
  if (!call.was_blocked) pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
}

void Interrupts::stop(Interruptible& call) noexcept {
  std::lock_guard lock(lock_);
  if (call.stopped) return;
  call.stopped = true;
  stopped_.fetch_add(1, std::memory_order_seq_cst);  // pairs with any()
  send(call.thread);
}

bool Interrupts::repeat() noexcept {
  if (stopped_.load(std::memory_order_relaxed) == 0) return false;
  std::lock_guard lock(lock_);
  for (Interruptible* call = first_; call != nullptr; call = call->next) {
    if (call->stopped) send(call->thread);
  }
  return true;
}

}  // namespace umcg::inline v0::internal
