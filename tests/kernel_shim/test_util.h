// SPDX-License-Identifier: Apache-2.0
// test_util.h - what the tests of the kernel shim share.
#ifndef UMCG_TESTS_KERNEL_SHIM_TEST_UTIL_H_
#define UMCG_TESTS_KERNEL_SHIM_TEST_UTIL_H_

#include <gtest/gtest.h>
#include <time.h>

#include <cstdint>
#include <thread>

#include "umcg/kernel.h"

namespace umcg_test {

// A hang is a failure of the test, not of the test run. Long enough for a crowded machine.
inline constexpr std::int64_t kPatienceNs = 60'000'000'000;

inline std::int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

inline timespec to_timespec(std::int64_t ns) {
  return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

// Registers the calling thread for a scope.
class Registered {
 public:
  Registered() {
    EXPECT_EQ(umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &tid_), 0);
  }
  ~Registered() { EXPECT_EQ(umcg_unregister_task(0), 0); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  umcg_tid tid() const { return tid_; }

 private:
  umcg_tid tid_ = 0;
};

// False: not within the patience.
inline bool await_state(umcg_tid tid, std::uint32_t wanted) {
  const std::int64_t end = now_ns() + kPatienceNs;
  while (now_ns() < end) {
    std::uint32_t state = UMCG_TASK_NONE;
    if (umcg_get_task_state(tid, &state) == 0 && state == wanted) return true;
    std::this_thread::yield();
  }
  return false;
}

// xorshift64: a stream of delays that a failing run can repeat.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  // Mostly nothing, at times a yield, a spin or a short sleep.
  void delay() {
    switch (below(16)) {
      case 0:
        std::this_thread::yield();
        break;
      case 1:
        for (std::uint64_t i = below(2000); i != 0; --i) asm volatile("");
        break;
      case 2: {
        const timespec t = to_timespec(static_cast<std::int64_t>(below(50'000)));
        nanosleep(&t, nullptr);
        break;
      }
      default:
        break;
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_KERNEL_SHIM_TEST_UTIL_H_
