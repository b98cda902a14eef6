// SPDX-License-Identifier: Apache-2.0
// floor_switch.h - the least that a switch can cost: of two bare contexts, of two kernel threads.
#ifndef UMCG_BENCH_COMMON_FLOOR_SWITCH_H_
#define UMCG_BENCH_COMMON_FLOOR_SWITCH_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <boost/context/detail/fcontext.hpp>
#include <cstdint>
#include <memory>
#include <thread>

namespace bench {

// Two contexts on one thread that jump to each other: no queue, no scheduler, no state.
class ContextPair {
 public:
  ContextPair()
      : stack_(std::make_unique<char[]>(kStackSize)),
        other_(boost::context::detail::make_fcontext(stack_.get() + kStackSize, kStackSize,
                                                     &ContextPair::bounce)) {}

  // Two jumps each. Returns how often the other context ran.
  std::int64_t round_trips(std::int64_t n) {
    std::int64_t visits = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      other_ = boost::context::detail::jump_fcontext(other_, &visits).fctx;
    }
    return visits;
  }

 private:
  static constexpr std::size_t kStackSize = 64 * 1024;

  // Never returns: the pair is dropped with this context suspended, which owns nothing.
  static void bounce(boost::context::detail::transfer_t t) {
    for (;;) {
      ++*static_cast<std::int64_t*>(t.data);
      t = boost::context::detail::jump_fcontext(t.fctx, nullptr);
    }
  }

  std::unique_ptr<char[]> stack_;
  boost::context::detail::fcontext_t other_;
};

// Two threads that wake each other and wait, by bare futex calls. Confined to one CPU by the
// caller, each wake and wait is one switch from thread to thread.
class FutexPair {
 public:
  // Two switches each. Returns how often the other thread ran.
  static std::int64_t round_trips(std::int64_t n) {
    return round_trips(n, [](auto f) { f(); });
  }

  // The same; each thread has around(f) do its part.
  template <class Around>
  static std::int64_t round_trips(std::int64_t n, Around around) {
    std::atomic<std::uint32_t> ping{0};
    std::atomic<std::uint32_t> pong{0};
    std::int64_t visits = 0;
    std::thread other([&] {
      around([&] {
        for (std::int64_t i = 0; i < n; ++i) {
          wait(ping);
          ++visits;
          wake(pong);
        }
      });
    });
    around([&] {
      for (std::int64_t i = 0; i < n; ++i) {
        wake(ping);
        wait(pong);
      }
    });
    other.join();
    return visits;
  }

 private:
  static void wait(std::atomic<std::uint32_t>& word) {
    while (word.load(std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    word.store(0, std::memory_order_relaxed);
  }
  static void wake(std::atomic<std::uint32_t>& word) {
    word.store(1, std::memory_order_release);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_FLOOR_SWITCH_H_
