// SPDX-License-Identifier: Apache-2.0
// trap.h - Trap: stops a thread of this process before it runs user code again.
//
// A perf event of the thread, opened from outside, that sends it SIGTRAP from the kernel's way back
// to user code. Two kinds:
//
//   at an address   a hardware breakpoint. /proc/self/task/TID/syscall tells of a sleeping thread
//                   where it will go on; with a breakpoint there it is caught before its first
//                   instruction, with the system call done and its result in place.
//   in user code    a clock of the thread's time that sees user code only. It catches a thread that
//                   computes, and leaves one in a system call alone: no EINTR.
//
// Neither needs a privilege where perf_event_paranoid is at most 2. A page fault cannot be caught
// at its end: x86 ignores breakpoints (flag RF) when it repeats an instruction that has faulted.
//
// The handler of SIGTRAP is the process's. Ours recognises its own events by a cookie and passes
// everything else on to the one before it. It runs on whatever stack the thread has, and may be
// kept there for long; other signals are not masked meanwhile.
//
// An event hits once, and then disables itself: a handler that comes late, because somebody defers
// signals, would otherwise be asked for again each 10 us, and the thread would not get anywhere.
// The handler closes it; who has set it does so when he has changed his mind. Both exchange the
// descriptor for -1, and who gets it closes it.
//
// Rejected: a debugger's way, ptrace (one tracer per thread, and not from the same process); a
// plain signal to a sleeping thread (ends its system call); one breakpoint for life that is moved
// (saves some 5 of 9 us, and keeps one of the four that the hardware has, from debuggers too).
#ifndef UMCG_KERNEL_SHIM_WORKERS_TRAP_H_
#define UMCG_KERNEL_SHIM_WORKERS_TRAP_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

struct perf_event_attr;

namespace umcg::inline v0::internal::shim {

class Trap {
 public:
  constexpr Trap() noexcept = default;
  Trap(const Trap&) = delete;
  Trap& operator=(const Trap&) = delete;

  // By one thread at a time. False: the kernel refuses (no descriptor, no breakpoint left, the
  // thread is gone). One that is set already is cleared.
  bool set_at_address(pid_t thread, std::uint64_t address) noexcept;
  bool set_in_user_code(pid_t thread) noexcept;
  // Any thread, in signal handlers too.
  void clear() noexcept;
  // Set, and not cleared since; it may have hit.
  bool is_set() const noexcept { return fd_.load(std::memory_order_acquire) >= 0; }

 private:
  bool open_and_enable(pid_t thread, perf_event_attr& attr) noexcept;

  std::atomic<int> fd_{-1};  // written by who sets it, and by who clears it
};

// What the handler calls, on the thread that was caught.
using OnTrap = void (*)();

// Plain threads, not in signal handlers. Installs the handler; the first call decides what it
// calls. False: there is no handler to be had.
bool install_trap_handler(OnTrap on_trap) noexcept;

// After install_trap_handler(). Whether the kernel keeps its word, found out by catching a thread;
// remembered for the process.
bool address_traps_work() noexcept;
bool user_code_traps_work() noexcept;

// False under ThreadSanitizer, whose runtime takes every SIGTRAP for one that the code has raised
// itself: a handler that interrupts that runtime waits for it for ever.
bool code_may_be_interrupted() noexcept;

// Sends the thread a SIGTRAP that the handler takes for a trap: what there is where traps do not
// work. It ends a system call that does not restart.
void send_trap_signal(pid_t thread) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_TRAP_H_
