// SPDX-License-Identifier: Apache-2.0
#include "runtime/stack/overflow.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/report.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stack/stack_pool.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::size_t kSignalStack = 64 * 1024;

struct sigaction g_before_segv;
struct sigaction g_before_bus;

bool was_sent(const siginfo_t& info) noexcept { return info.si_code <= 0; }

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  const struct sigaction& before = signal == SIGSEGV ? g_before_segv : g_before_bus;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    // The default action, at the faulting instruction itself: it is run again on return.
    struct sigaction fatal {};
    fatal.sa_handler = SIG_DFL;
    sigaction(signal, &fatal, nullptr);
    // One that was sent has no instruction: it is sent again, and delivered on return.
    if (was_sent(*info)) (void)syscall(SYS_tgkill, getpid(), gettid(), signal);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) noexcept {
  const FiberCore* const f = current_fiber();
  if (f != nullptr && f->stack != nullptr && !was_sent(*info)) {
    Stack& stack = *f->stack;
    const char* const at = static_cast<const char*>(info->si_addr);
    if (at < stack.low && at >= stack.low - stack.slab->guard) {
      die_of(*f, "stack overflow: %zu KiB are not enough; see SpawnOptions::stack_size",
             stack.size() / 1024 + 1);
    }
  }
  pass_on(signal, info, context);
}

}  // namespace

void install_overflow_handler() noexcept {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &g_before_segv);
    sigaction(SIGBUS, &action, &g_before_bus);
    return true;
  }();
  (void)once;
}

AlternateStack::AlternateStack() noexcept {
  stack_t present{};
  if (sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) return;
  void* memory =
      ::mmap(nullptr, kSignalStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t ours{};
  ours.ss_sp = memory;
  ours.ss_size = kSignalStack;
  if (sigaltstack(&ours, nullptr) == 0) {
    memory_ = memory;
  } else {
    ::munmap(memory, kSignalStack);
  }
}

AlternateStack::~AlternateStack() {
  if (memory_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  ::munmap(memory_, kSignalStack);
}

}  // namespace umcg::inline v0::internal
