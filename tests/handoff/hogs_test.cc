// SPDX-License-Identifier: Apache-2.0
// Fibers that compute on and on, fewer than are allowed to run detached: what is queued behind them
// and beside them still begins, whichever server it stands at and whichever is woken for it.
#include <gtest/gtest.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "kernel_shim/run_state.h"
#include "support/eventually.h"
#include "support/handoff_modes.h"
#include "support/on_one_cpu.h"
#include "support/pipe.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;

class Hogs : public umcg_test::HandoffTest {
 protected:
  void SetUp() override {
    HandoffTest::SetUp();
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0) {
      GTEST_SKIP() << "no membarrier(2) here";
    }
  }
};
UMCG_INSTANTIATE_HANDOFFS(Hogs);

constexpr int kHogs = 3;  // of two servers, each of which has room for two

TEST_P(Hogs, NewFibersFromOutsideBegin) {
  umcg::Runtime rt({.servers = 2});
  std::atomic<bool> enough{false};
  std::vector<umcg::Fiber<>> hogs;
  const auto compute = [&] {
    while (!enough) asm volatile("");
  };
  for (int i = 0; i < kHogs; ++i) hogs.push_back(rt.spawn(compute));
  for (int i = 0; i < 8; ++i) rt.spawn([] {}).join();
  enough = true;
}

TEST_P(Hogs, NewFibersOfAHogBegin) {
  umcg::Runtime rt({.servers = 2});
  std::atomic<bool> enough{false};
  std::atomic<int> begun{0};
  std::vector<umcg::Fiber<>> hogs;
  for (int i = 0; i < kHogs; ++i) {
    hogs.push_back(rt.spawn([&] {
      for (int k = 0; k < 2; ++k) umcg::post([&] { ++begun; });
      while (!enough) asm volatile("");
    }));
  }
  while (begun < 2 * kHogs) std::this_thread::yield();
  enough = true;
}

// Hogs have all servers, and the monitor has found nothing to do for some time.
TEST_P(Hogs, WhatIsWokenFromOutsideRuns) {
  umcg::Runtime rt({.servers = 2});
  for (int round = 0; round < 5; ++round) {
    std::atomic<bool> enough{false};
    std::atomic<int> computing{0};
    umcg::Semaphore called{0};
    auto woken = rt.spawn([&] { called.acquire(); });
    std::vector<umcg::Fiber<>> hogs;
    for (int i = 0; i < 2; ++i) {
      hogs.push_back(rt.spawn([&] {
        ++computing;
        while (!enough) asm volatile("");
      }));
    }
    while (computing < 2) std::this_thread::yield();
    std::this_thread::sleep_for(20ms);
    called.release();
    woken.join();
    enough = true;
  }
}

// Nothing was queued behind it, so nobody has looked for long: it is not taken for a hog by the
// first one who does.
TEST_P(Hogs, OneThatBlocksForLongIsNone) {
  umcg::Runtime rt({.servers = 1});
  for (int i = 0; i < 5; ++i) {
    umcg_test::Pipe pipe;
    std::atomic<pid_t> reader{0};
    auto blocked = rt.spawn([&] {
      reader = ::gettid();
      EXPECT_EQ(pipe.read(), 1);
    });
    EXPECT_TRUE(umcg_test::eventually([&] {
      return reader != 0 && umcg::internal::shim::run_state_of(reader) ==
                                umcg::internal::shim::RunState::kSleeping;
    }));
    umcg::this_fiber::sleep_for(30ms);
    rt.spawn([] {}).join();
    pipe.write(1);
    blocked.join();
  }
  EXPECT_EQ(rt.stats().handoffs_hog, 0U);
}

// Another thread wants the CPU too. While it has it a fiber stands still with another one behind
// it, for longer than a hog may run; but it has not run.
TEST_P(Hogs, OneThatIsPreemptedIsNone) {
  const umcg_test::OnOneCpu confined;
  std::atomic<bool> enough{false};
  std::thread other([&] {
    while (!enough) asm volatile("");
  });
  umcg::Runtime rt({.servers = 1});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 2; ++i) {
    fibers.push_back(rt.spawn([&] {
      while (!enough) umcg::this_fiber::yield();
    }));
  }
  std::this_thread::sleep_for(600ms);
  // The hypervisor's time is counted as theirs: now and then one seems to have run for long.
  EXPECT_LT(rt.stats().handoffs_hog, 5U);
  enough = true;
  other.join();
}

// After a long turn the next one is detached from the start, after a short one it is not. Tried
// again where no idle worker was at hand, or the hypervisor made a short turn long, or the fiber
// lost its server in another way than as a hog.
TEST_P(Hogs, OneThatYieldsBeginsAsOne) {
  umcg::Runtime rt({.servers = 1});
  std::atomic<bool> enough{false};
  auto other = rt.spawn([&] {
    while (!enough) umcg::this_fiber::yield();
  });
  const auto hogs = [&] { return rt.stats().handoffs_hog; };
  const auto begins_as_one = [&] {
    const auto before = hogs();
    umcg::this_fiber::yield();
    return hogs() != before;
  };
  rt.spawn([&] {
      EXPECT_TRUE(umcg_test::eventually([&] {
        const auto before = hogs();
        const auto end = std::chrono::steady_clock::now() + 100ms;
        while (hogs() == before && std::chrono::steady_clock::now() < end) asm volatile("");
        return begins_as_one();
      }));
      EXPECT_TRUE(umcg_test::eventually([&] { return !begins_as_one(); }));
    }).join();
  enough = true;
}

}  // namespace
