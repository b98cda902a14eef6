// SPDX-License-Identifier: Apache-2.0
// An idle runtime uses no CPU, whatever it did before and however many fibers are parked.
//
// UMCG_IDLE_SECONDS sets how long each test watches (half a second; 10 and more for a verdict on
// slow ticks). Sanitizers tick themselves: there, only what leads up to the watching is of use.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using IdleCpu = umcg_test::MatrixTest;

std::chrono::microseconds cpu_used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

long switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

std::chrono::milliseconds watch_time() {
  const char* text = std::getenv("UMCG_IDLE_SECONDS");
  return text != nullptr ? std::chrono::seconds(std::max(1, std::atoi(text))) : 500ms;
}

void expect_idle() {
  if (umcg_test::kSanitized) return;
  // What was going on may linger for a moment (100 ms by design), and a machine that held some
  // thread up shows that later. What ticks does so each time.
  constexpr int kTries = 10;
  std::chrono::microseconds used{};
  long switched = 0;
  for (int i = 0; i < kTries; ++i) {
    std::this_thread::sleep_for(400ms);
    const auto cpu_before = cpu_used();
    const long switches_before = switches();
    std::this_thread::sleep_for(watch_time());
    used = cpu_used() - cpu_before;
    switched = switches() - switches_before;
    // A clock tick or two (some kernels charge whole ticks), and no periodic wake-ups.
    if (used <= 20ms && switched <= watch_time() / 100ms) return;
  }
  ADD_FAILURE() << used.count() << " us of CPU, " << switched << " switches";
}

TEST_P(IdleCpu, Fresh) {
  umcg::Runtime rt(options());
  expect_idle();
}

TEST_P(IdleCpu, AfterWork) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 1000; ++i) {
    rt.post([] {
      umcg::this_fiber::yield();
      umcg::this_fiber::sleep_for(1ms);
      umcg::blocking_now([] { ::usleep(100); });
    });
  }
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  expect_idle();
}

TEST_P(IdleCpu, WithParkedFibersAndFarTimers) {
  umcg::Runtime rt(options());
  umcg::Event go;
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 1000; ++i) {
    fibers.push_back(rt.spawn([&, i] {
      if (i % 2 == 0) {
        go.wait();
      } else {
        EXPECT_TRUE(go.wait_for(1h));
      }
    }));
  }
  expect_idle();
  go.set();
  for (auto& f : fibers) f.join();
}

// One fiber sits in the kernel and nobody else wants to run: that is idle too.
TEST_P(IdleCpu, WithAFiberBlockedInTheKernel) {
  umcg::Runtime rt(options());
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  auto f = rt.spawn([&] {
    char byte = 0;
    return ::read(fds[0], &byte, 1);
  });
  expect_idle();
  ASSERT_EQ(::write(fds[1], "x", 1), 1);
  EXPECT_EQ(f.join(), 1);
  ::close(fds[0]);
  ::close(fds[1]);
}

UMCG_INSTANTIATE_MATRIX(IdleCpu);

}  // namespace
