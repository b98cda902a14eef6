// SPDX-License-Identifier: Apache-2.0
// kernel_swap_test.cc - what swap does to both sides, and ping-pong by wake and wait or by swap.
#include <atomic>
#include <cerrno>
#include <optional>

#include "support/on_one_cpu.h"
#include "test_util.h"

namespace {

using umcg_test::Registered;

TEST(KernelSwap, AlreadyQueuedDoesNotSleep) {
  std::atomic<umcg_tid> other{0};
  std::atomic<bool> done{false};
  std::thread running([&] {
    Registered self;
    other = self.tid();
    done.wait(false);
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
  });
  Registered self;
  while (other == 0) std::this_thread::yield();
  EXPECT_EQ(umcg_wake(0, other), 0);
  EXPECT_EQ(umcg_swap(0, other, 0, nullptr), -EAGAIN);
  done = true;
  done.notify_one();
  running.join();
}

TEST(KernelSwap, TimesOutWithNextWoken) {
  std::atomic<umcg_tid> other{0};
  std::thread sleeping([&] {
    Registered self;
    other = self.tid();
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
  });
  Registered self;
  while (other == 0) std::this_thread::yield();
  ASSERT_TRUE(umcg_test::await_state(other, UMCG_TASK_RUNNABLE));
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  EXPECT_EQ(umcg_swap(0, other, 0, &past), -ETIMEDOUT);
  sleeping.join();
  EXPECT_EQ(umcg_wake(0, self.tid()), 0);
  EXPECT_EQ(umcg_wait(0, nullptr), 0) << "and waiting again works";
}

// kTwoCpus: where a swap looks for its answer before it sleeps.
enum Flavour { kNoSwaps, kOneSwap, kAllSwaps, kAllSwapsLoose, kTwoCpus };

class KernelPingPong : public testing::TestWithParam<Flavour> {};

void turn(bool swaps, umcg_tid other) {
  if (swaps) {
    ASSERT_EQ(umcg_swap(0, other, 0, nullptr), 0);
  } else {
    ASSERT_EQ(umcg_wake(0, other), 0);
    ASSERT_EQ(umcg_wait(0, nullptr), 0);
  }
}

TEST_P(KernelPingPong, Steps) {
  constexpr int kSteps = 100'000;
  const Flavour flavour = GetParam();
  std::optional<umcg_test::OnOneCpu> one_cpu;
  if (flavour != kTwoCpus) one_cpu.emplace();
  Registered ping;
  std::atomic<umcg_tid> pong{0};
  int counter = 0;  // handed over with each turn: TSan checks the ordering

  std::thread ponger([&] {
    Registered self;
    pong = self.tid();
    ASSERT_EQ(umcg_wait(0, nullptr), 0);
    for (int i = 1; i < kSteps; ++i) {
      ++counter;
      ASSERT_NO_FATAL_FAILURE(turn(flavour >= kAllSwaps, ping.tid()));
    }
    ++counter;
    ASSERT_EQ(umcg_wake(0, ping.tid()), 0);
  });

  while (pong == 0) std::this_thread::yield();
  // Loose: the first wake-up need not find a sleeper.
  if (flavour < kAllSwapsLoose) {
    ASSERT_TRUE(umcg_test::await_state(pong, UMCG_TASK_RUNNABLE));
  }
  for (int i = 0; i < kSteps; ++i) {
    ++counter;
    ASSERT_NO_FATAL_FAILURE(turn(flavour != kNoSwaps, pong));
  }
  ponger.join();
  EXPECT_EQ(counter, 2 * kSteps);
}

INSTANTIATE_TEST_SUITE_P(Flavours, KernelPingPong,
                         testing::Values(kNoSwaps, kOneSwap, kAllSwaps, kAllSwapsLoose, kTwoCpus));

}  // namespace
