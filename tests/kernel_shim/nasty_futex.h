// SPDX-License-Identifier: Apache-2.0
// nasty_futex.h - a kernel that is as nasty as its contract allows. One file of a program may
// include it.
//
// The library's futex calls go through syscall(), which is defined here: at random they come late,
// return for no reason, or claim a signal. So the windows between a change of a word and the
// system call that follows it, a few nanoseconds wide, stay open for microseconds.
#ifndef UMCG_TESTS_KERNEL_SHIM_NASTY_FUTEX_H_
#define UMCG_TESTS_KERNEL_SHIM_NASTY_FUTEX_H_

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>

#include "test_util.h"

namespace {

using SystemCall = long (*)(long, ...);
std::atomic<bool> g_nasty{false};
std::atomic<long> g_lies{0};
std::atomic<std::uint64_t> g_seed{1};

umcg_test::Random& thread_random() {
  thread_local umcg_test::Random random(g_seed.fetch_add(1));
  return random;
}

}  // namespace

// As the C library's does, it takes six arguments, whether or not so many were passed; some of them
// may come from the caller's stack.
extern "C" [[gnu::no_sanitize_address]] long syscall(long number, ...) {
  static const auto real = reinterpret_cast<SystemCall>(dlsym(RTLD_NEXT, "syscall"));
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);

  const bool nasty = number == SYS_futex && g_nasty.load(std::memory_order_relaxed);
  if (nasty) {
    umcg_test::Random& random = thread_random();
    random.delay();
    if ((a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && random.below(4) == 0) {
      g_lies.fetch_add(1, std::memory_order_relaxed);
      if (random.below(2) == 0) return 0;
      errno = EINTR;
      return -1;
    }
  }
  const long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (nasty) {
    const int saved = errno;
    thread_random().delay();
    errno = saved;
  }
  return result;
}

namespace {

class NastyFutex {
 public:
  NastyFutex() { g_nasty = true; }
  ~NastyFutex() {
    g_nasty = false;
    EXPECT_GT(g_lies.exchange(0), 0) << "the library's futex calls do not pass here";
  }
  NastyFutex(const NastyFutex&) = delete;
  NastyFutex& operator=(const NastyFutex&) = delete;
};

}  // namespace

#endif  // UMCG_TESTS_KERNEL_SHIM_NASTY_FUTEX_H_
