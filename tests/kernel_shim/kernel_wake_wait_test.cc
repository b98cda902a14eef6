// SPDX-License-Identifier: Apache-2.0
// kernel_wake_wait_test.cc - wake and wait race step by step, and none is lost.
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "test_util.h"

namespace {

using umcg_test::Registered;

// Two threads that wake each other and then wait, kSteps times, each now and then late.
TEST(KernelWakeWait, RaceOf10000Steps) {
  constexpr int kSteps = 10'000;
  std::atomic<umcg_tid> worker{0};
  int counter = 0;

  Registered self;
  std::thread thread([&] {
    Registered registered;
    worker = registered.tid();
    for (int i = 0; i <= kSteps; ++i) {
      ASSERT_EQ(umcg_wait(0, nullptr), 0);
      ++counter;
      if (i % 7 == 0) usleep(1);
      ASSERT_EQ(umcg_wake(0, self.tid()), 0);
    }
  });

  while (worker == 0) std::this_thread::yield();
  for (int i = 0; i < kSteps; ++i) {
    if (i % 5 == 0) usleep(1);
    ASSERT_EQ(umcg_wake(0, worker), 0);
    ASSERT_EQ(umcg_wait(0, nullptr), 0);
    ASSERT_EQ(counter, i + 1);
  }
  ASSERT_EQ(umcg_wake(0, worker), 0);
  thread.join();
  EXPECT_EQ(umcg_wait(0, nullptr), 0);
  EXPECT_EQ(counter, kSteps + 1);
  EXPECT_EQ(umcg_wake(0, worker), -ESRCH);
}

// Many wakers and no turns. A wake-up that was refused with -EAGAIN must still make the task see
// the item published before it, or the last wait never ends.
TEST(KernelWakeWait, RefusedWakerIsSeenToo) {
  constexpr int kWakers = 3;
  constexpr int kItems = 20'000;
  std::atomic<umcg_tid> consumer{0};
  std::atomic<int> items{0};

  std::thread thread([&] {
    Registered self;
    consumer = self.tid();
    const timespec patience = umcg_test::to_timespec(umcg_test::now_ns() + umcg_test::kPatienceNs);
    for (int seen = 0; seen < kWakers * kItems;) {
      ASSERT_EQ(umcg_wait(0, &patience), 0) << seen;
      seen += items.exchange(0, std::memory_order_relaxed);
    }
  });
  while (consumer == 0) std::this_thread::yield();

  std::thread wakers[kWakers];
  for (std::thread& waker : wakers) {
    waker = std::thread([&] {
      for (int i = 0; i < kItems; ++i) {
        items.fetch_add(1, std::memory_order_relaxed);
        const int result = umcg_wake(0, consumer);
        // Gone: the last item was taken together with another's.
        ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -ESRCH) << result;
      }
    });
  }
  for (std::thread& waker : wakers) waker.join();
  thread.join();
}

}  // namespace
