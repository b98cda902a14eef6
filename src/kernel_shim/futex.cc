// SPDX-License-Identifier: Apache-2.0
// futex.cc - see futex.h.
#include "kernel_shim/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace umcg::inline v0::internal::shim {
namespace {

static_assert(sizeof(time_t) == 8 && sizeof(long) == 8, "SYS_futex takes this timespec");

// syscall() reports through errno, which belongs to the caller.
long futex(const std::uint32_t* word, int op, FutexScope scope, std::uint32_t value,
           const timespec* timeout) {
  const int saved = errno;
  const int flag = scope == FutexScope::kProcess ? FUTEX_PRIVATE_FLAG : 0;
  const long result =
      syscall(SYS_futex, word, op | flag, value, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  const int error = errno;
  errno = saved;
  return result >= 0 ? result : -error;
}

// A futex that cannot be had (a seccomp filter, a bad address) leaves nothing to wait with, and a
// caller that went on would spin.
[[noreturn]] void die(const char* what, long result) {
  std::fprintf(stderr, "umcg: %s failed with errno %ld\n", what, -result);
  std::abort();
}

}  // namespace

bool futex_works() noexcept {
  const std::uint32_t word = 1;
  const long result = futex(&word, FUTEX_WAIT_BITSET, FutexScope::kProcess, 0, nullptr);
  return result == 0 || result == -EAGAIN || result == -EINTR;
}

int futex_wait(const std::uint32_t* word, std::uint32_t expected, std::int64_t deadline_ns,
               FutexScope scope) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // The kernel refuses a time before its epoch; to the caller it has passed like any other.
  if (deadline_ns < 0) deadline_ns = 0;
  const timespec deadline = {.tv_sec = deadline_ns / kSecond, .tv_nsec = deadline_ns % kSecond};
  const long result =
      futex(word, FUTEX_WAIT_BITSET, scope, expected, deadline_ns == kNever ? nullptr : &deadline);
  switch (result) {
    case 0:
    case -EAGAIN:
    case -EINTR:
    case -ETIMEDOUT:
      return static_cast<int>(result);
    default:
      die("FUTEX_WAIT_BITSET", result);
  }
}

int futex_wake(const std::uint32_t* word, int n, FutexScope scope) noexcept {
  const long result = futex(word, FUTEX_WAKE, scope, static_cast<std::uint32_t>(n), nullptr);
  if (result < 0) die("FUTEX_WAKE", result);
  return static_cast<int>(result);
}

}  // namespace umcg::inline v0::internal::shim
