// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/trap.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "kernel_shim/registration.h"
#include "kernel_shim/workers/trap_trial.h"

namespace umcg::inline v0::internal::shim {
namespace {

struct sigaction g_before;
std::atomic<OnTrap> g_on_trap{nullptr};  // written once, before the handler is installed

// Names this copy of the library: another one in the process has traps of its own.
std::uint64_t cookie() noexcept { return reinterpret_cast<std::uintptr_t>(&g_before); }

// The C library of 2022 does not declare it: {signo, errno, code, addr, then perf's data}.
std::uint64_t perf_data_of(const siginfo_t& info) noexcept {
  std::uint64_t data;
  std::memcpy(&data, reinterpret_cast<const char*>(&info.si_addr) + sizeof info.si_addr,
              sizeof data);
  return data;
}

bool is_ours(const siginfo_t& info) noexcept {
  constexpr int kTrapPerf = 6;  // TRAP_PERF
  if (info.si_code == kTrapPerf) return perf_data_of(info) == cookie();
  return info.si_code == SI_QUEUE && info.si_pid == ::getpid() &&
         reinterpret_cast<std::uintptr_t>(info.si_value.sival_ptr) == cookie();
}

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  if ((g_before.sa_flags & SA_SIGINFO) != 0) {
    g_before.sa_sigaction(signal, info, context);
  } else if (g_before.sa_handler == SIG_DFL) {
    // It is masked in here, and ends the process on the way out.
    ::sigaction(signal, &g_before, nullptr);
    ::raise(signal);
  } else if (g_before.sa_handler != SIG_IGN) {
    g_before.sa_handler(signal);
  }
}

void on_signal(int signal, siginfo_t* info, void* context) noexcept {
  KeepErrno errno_is_kept;
  if (!is_ours(*info)) return pass_on(signal, info, context);
  if (TrapTrial::caught()) return;
  g_on_trap.load(std::memory_order_acquire)();
}

perf_event_attr new_attr() noexcept {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.exclude_kernel = 1;  // without it one needs a privilege
  attr.exclude_hv = 1;
  attr.disabled = 1;
  attr.sigtrap = 1;
  attr.remove_on_exec = 1;  // which sigtrap wants
  attr.sig_data = cookie();
  return attr;
}

}  // namespace

bool Trap::open_and_enable(pid_t thread, perf_event_attr& attr) noexcept {
  constexpr int kAnyCpu = -1;
  constexpr int kNoGroup = -1;
  const int fd = static_cast<int>(
      ::syscall(SYS_perf_event_open, &attr, thread, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC));
  if (fd < 0) return false;
  // The handler must find the descriptor, so it is there before the event can hit. acq_rel: release
  // pairs with the acquire in clear().
  const int old = fd_.exchange(fd, std::memory_order_acq_rel);
  if (old >= 0) ::close(old);
  constexpr int kOnce = 1;
  return ::ioctl(fd, PERF_EVENT_IOC_REFRESH, kOnce) == 0;
}

bool Trap::set_at_address(pid_t thread, std::uint64_t address) noexcept {
  perf_event_attr attr = new_attr();
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.bp_type = HW_BREAKPOINT_X;
  attr.bp_addr = address;
  attr.bp_len = sizeof(long);
  attr.sample_period = 1;
  return open_and_enable(thread, attr);
}

bool Trap::set_in_user_code(pid_t thread) noexcept {
  constexpr std::uint64_t kNanoseconds = 10'000;  // the least that the kernel grants
  perf_event_attr attr = new_attr();
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_TASK_CLOCK;
  attr.sample_period = kNanoseconds;
  return open_and_enable(thread, attr);
}

void Trap::clear() noexcept {
  const int fd = fd_.exchange(-1, std::memory_order_acq_rel);
  if (fd >= 0) ::close(fd);
}

bool install_trap_handler(OnTrap on_trap) noexcept {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (g_on_trap.load(std::memory_order_relaxed) != nullptr) return true;
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (::sigaction(SIGTRAP, nullptr, &g_before) != 0) return false;
  g_on_trap.store(on_trap, std::memory_order_release);
  return ::sigaction(SIGTRAP, &action, nullptr) == 0;
}

void send_trap_signal(pid_t thread) noexcept {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_ptr = &g_before;
  (void)::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread, SIGTRAP, &info);
}

}  // namespace umcg::inline v0::internal::shim
