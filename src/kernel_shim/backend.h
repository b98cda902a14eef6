// SPDX-License-Identifier: Apache-2.0
// backend.h - how a task sleeps and is woken: the seam for a kernel that does it better.
//
// The protocol (wait_wake.h) decides who sleeps and who is woken; all it asks of the system is
// below. The futex backend works on every kernel. Another one, such as the device of a kernel
// module that switches threads on the current CPU, is one more entry in the list of backend.cc: the
// first whose probe succeeds serves all tasks of the process, from the first task on. A test offers
// one that shares nothing with futexes, and runs the tests of wait, wake and swap on it.
//
// The choice costs a load and an indirect call before what is a system call in any case.
#ifndef UMCG_KERNEL_SHIM_BACKEND_H_
#define UMCG_KERNEL_SHIM_BACKEND_H_

#include <cstdint>

namespace umcg::inline v0::internal::shim {

struct Backend {
  const char* name;

  // Tries it out; false: it does not work here. May be called by several threads at once.
  bool (*probe)() noexcept;

  // Sleeps while *word == expected, which is checked so that no wake() after a change of the word
  // is missed. The deadline is CLOCK_MONOTONIC, nanoseconds, or kNever. Returns 0 (woken, or for no
  // reason), -EAGAIN (the word differs), -EINTR (a signal handler ran; one that cannot tell sleeps
  // on) or -ETIMEDOUT.
  int (*sleep)(const std::uint32_t* word, std::uint32_t expected,
               std::int64_t deadline_ns) noexcept;

  // Wakes who sleeps on the word, at least one of them if there are several. Never blocks for long.
  // May come late, when the word belongs to somebody else or to nobody: its memory is never
  // unmapped.
  void (*wake)(const std::uint32_t* word) noexcept;

  // wake(next) and sleep() in one, on the current CPU if that can be had. nullptr: there is no such
  // thing, and the one is called after the other.
  void (*swap)(const std::uint32_t* next, const std::uint32_t* word, std::uint32_t expected,
               std::int64_t deadline_ns) noexcept;
};

// Before the first task of the process: this one is to be tried first. False: too late.
bool offer_backend(const Backend& backend) noexcept;

// Any thread; acquire_task() calls it. Aborts if none works.
void choose_backend() noexcept;

// After choose_backend().
const Backend& current_backend() noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_BACKEND_H_
