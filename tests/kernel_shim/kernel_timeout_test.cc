// SPDX-License-Identifier: Apache-2.0
// kernel_timeout_test.cc - timeouts against wake-ups: what is accepted is delivered, once.
#include <atomic>
#include <cerrno>
#include <vector>

#include "test_util.h"

namespace {

using umcg_test::Registered;

// Waits that end at about the moment when the wake-ups come, some of them in swaps. Whatever ends
// a wait, in the end as many returned 0 as wake-ups were accepted.
TEST(KernelTimeout, AcceptedIsDelivered) {
  constexpr int kWakers = 2;
  constexpr int kTries = 10'000;
  std::atomic<umcg_tid> target{0};
  std::atomic<long> accepted{0};
  std::atomic<int> waking{kWakers};
  long woken = 0;
  std::atomic<long> timed_out{0};

  std::thread waiter([&] {
    Registered self;
    target = self.tid();
    umcg_test::Random random(3);
    while (waking != 0) {
      const timespec soon =
          umcg_test::to_timespec(umcg_test::now_ns() + static_cast<long>(random.below(60'000)));
      const int result = umcg_wait(0, &soon);
      woken += result == 0;
      timed_out += result == -ETIMEDOUT;
      ASSERT_TRUE(result == 0 || result == -ETIMEDOUT) << result;
    }
    const timespec past = {.tv_sec = 0, .tv_nsec = 0};
    while (umcg_wait(0, &past) == 0) ++woken;
  });
  while (target == 0) std::this_thread::yield();

  std::vector<std::thread> wakers;
  for (int w = 0; w < kWakers; ++w) {
    wakers.emplace_back([&, w] {
      umcg_test::Random random(static_cast<std::uint64_t>(10 + w));
      // The waiter may be held up for as long as all the tries take.
      for (int i = 0; i < kTries || timed_out == 0; ++i) {
        accepted += umcg_wake(0, target) == 0;
        random.delay();
      }
      --waking;
    });
  }
  for (std::thread& waker : wakers) waker.join();
  waiter.join();
  EXPECT_EQ(woken, accepted.load());
  EXPECT_GT(woken, 0);
}

}  // namespace
