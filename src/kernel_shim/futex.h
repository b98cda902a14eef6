// SPDX-License-Identifier: Apache-2.0
// futex.h - the two futex calls that everything which blocks is made of.
//
// Private to the process unless said otherwise. Both leave errno alone, so that a runtime function
// never changes it behind the user's back. A return of futex_wait() proves nothing: the caller
// looks at the word.
#ifndef UMCG_KERNEL_SHIM_FUTEX_H_
#define UMCG_KERNEL_SHIM_FUTEX_H_

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal::shim {

inline constexpr std::int64_t kNever = INT64_MAX;

// Whether the system has them: a seccomp filter may not know them. The two below abort then.
bool futex_works() noexcept;

enum class FutexScope { kProcess, kShared };  // kShared: in memory that other processes have mapped

// Sleeps while *word == expected. The deadline is CLOCK_MONOTONIC in nanoseconds.
// Returns 0 (woken, or for no reason), -EAGAIN (the word differs), -EINTR or -ETIMEDOUT.
int futex_wait(const std::uint32_t* word, std::uint32_t expected, std::int64_t deadline_ns,
               FutexScope scope = FutexScope::kProcess) noexcept;

// Wakes at most n waiters; returns how many. The word need not be alive in the sense of C++: a
// wake-up that comes too late does no more than make somebody look at his word in vain.
int futex_wake(const std::uint32_t* word, int n, FutexScope scope = FutexScope::kProcess) noexcept;

inline int futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t deadline_ns) noexcept {
  static_assert(sizeof word == sizeof(std::uint32_t));
  return futex_wait(reinterpret_cast<const std::uint32_t*>(&word), expected, deadline_ns);
}
inline int futex_wake(const std::atomic<std::uint32_t>& word, int n) noexcept {
  return futex_wake(reinterpret_cast<const std::uint32_t*>(&word), n);
}

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_FUTEX_H_
