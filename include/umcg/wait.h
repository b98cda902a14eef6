// SPDX-License-Identifier: Apache-2.0
// wait.h - Deadline and WaitStatus: how long to wait, and how a wait ended.
//
// Functions shaped like the standard library's are never interrupted. Each operation that can block
// has, beside those, one overload (std::stop_token, Deadline) -> WaitStatus:
//
//     std::stop_token stop = umcg::this_fiber::get_stop_token();
//     if (sem.acquire(stop, 50ms) != umcg::WaitStatus::kReady) return;  // too late, or stopped
#ifndef UMCG_WAIT_H_
#define UMCG_WAIT_H_

#include <chrono>
#include <cstdint>
#include <limits>

namespace umcg::inline v0 {

// How a wait ended. When several reasons hold at once: kReady before kClosed before kTimeout before
// kStopped.
enum class WaitStatus : std::uint8_t {
  kReady,    // what was waited for happened (the lock is held, the permit is taken, ...)
  kTimeout,  // the deadline passed first
  kStopped,  // a stop was requested first
  kClosed,   // the object was closed and nothing more can come from it
};

// A point in time on std::chrono::steady_clock, or never. Implicit from any duration (counted from
// the moment of the conversion) and any time point. A time point of another clock is converted at
// once, so a later step of that clock has no effect. Values out of range saturate. Resolution:
// nanoseconds.
class Deadline {
 public:
  // That of all deadlines.
  using Clock = std::chrono::steady_clock;

  constexpr Deadline() noexcept = default;  // never

  // So long after now.
  template <class Rep, class Period>
  Deadline(
      std::chrono::duration<Rep, Period> from_now) noexcept  // NOLINT(google-explicit-constructor)
      : ns_(add(now_ns(), saturate(from_now))) {}

  // Of another clock: so long after now as it is away now.
  template <class OtherClock, class Duration>
  Deadline(std::chrono::time_point<OtherClock, Duration>
               t) noexcept  // NOLINT(google-explicit-constructor)
      : ns_(add(now_ns(), saturate(Exact(t.time_since_epoch()) -
                                   Exact(OtherClock::now().time_since_epoch())))) {}

  // That point of time.
  template <class Duration>
  Deadline(
      std::chrono::time_point<Clock, Duration> t) noexcept  // NOLINT(google-explicit-constructor)
      : ns_(saturate(t.time_since_epoch())) {}

  // The same as Deadline().
  static constexpr Deadline never() noexcept { return Deadline(); }

  // Whether there is none; whether it lies behind.
  constexpr bool is_never() const noexcept { return ns_ == kNever; }
  bool has_passed() const noexcept { return !is_never() && now_ns() >= ns_; }

  // Nanoseconds since the clock's epoch (CLOCK_MONOTONIC on Linux); INT64_MAX means never.
  constexpr std::int64_t ns() const noexcept { return ns_; }

  friend constexpr bool operator==(Deadline, Deadline) noexcept = default;
  // clang-tidy 14 takes the 0 that the result is compared with for a null pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend constexpr auto operator<=>(Deadline, Deadline) noexcept = default;

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  static std::int64_t now_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
        .count();
  }

  // So that hours::max(), the end of another clock's time or a double of seconds cannot overflow.
  using Exact = std::chrono::duration<long double, std::nano>;

  template <class Rep, class Period>
  static constexpr std::int64_t saturate(std::chrono::duration<Rep, Period> d) noexcept {
    const long double ns = std::chrono::duration_cast<Exact>(d).count();
    if (!(ns < 9.2e18L)) return kNever;
    if (ns <= 0) return 0;
    const auto whole = static_cast<std::int64_t>(ns);
    return static_cast<long double>(whole) < ns ? whole + 1 : whole;  // never wake early
  }

  static constexpr std::int64_t add(std::int64_t a, std::int64_t b) noexcept {
    return b >= kNever - a ? kNever : a + b;
  }

  std::int64_t ns_ = kNever;
};

}  // namespace umcg::inline v0

#endif  // UMCG_WAIT_H_
