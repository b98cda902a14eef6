// SPDX-License-Identifier: Apache-2.0
// Semaphore: strictly first come, first served, whatever the sizes.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "umcg/mutex.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Crew;
using SemaphoreOrder = umcg_test::CrewTest;

// The queue has no size to look at, so each waiter is given time to arrive after it said that it
// is about to. One that took longer is served in another order, or by a later permit than it was
// expected to be: hence the retries.
bool served_in_order(umcg_test::CrewCase where, const std::vector<int>& amounts,
                     std::chrono::milliseconds patience) {
  Crew crew(where);
  umcg::Semaphore sem(0);
  umcg::Mutex mutex;
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(amounts.size()); ++i) {
    std::atomic<bool> about_to{false};
    crew.start([&, i] {
      about_to = true;
      sem.acquire(amounts[static_cast<std::size_t>(i)]);
      const std::scoped_lock lock(mutex);
      order.push_back(i);
    });
    EXPECT_TRUE(umcg_test::eventually([&] { return about_to.load(); }));
    umcg::this_fiber::sleep_for(patience);
  }
  // One permit at a time; who is served says so before the next permit comes.
  std::size_t served = 0;
  const auto served_next = [&] {
    const auto end = std::chrono::steady_clock::now() + 20 * patience;
    for (;; umcg::this_fiber::sleep_for(200us)) {
      const bool late = std::chrono::steady_clock::now() > end;
      const std::scoped_lock lock(mutex);
      if (order.size() >= served || late) return order.size() == served;
    }
  };
  bool each_in_time = true;
  for (const int amount : amounts) {
    for (int i = 0; i < amount; ++i) sem.release();
    ++served;
    if (each_in_time) each_in_time = served_next();
  }
  crew.join();
  if (!each_in_time) return false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int>(i)) return false;
  }
  return true;
}

bool sooner_or_later(umcg_test::CrewCase where, const std::vector<int>& amounts) {
  for (std::chrono::milliseconds patience : {5ms, 50ms, 500ms, 2000ms}) {
    if (served_in_order(where, amounts, patience)) return true;
    if (::testing::Test::HasFailure()) return false;
  }
  return false;
}

TEST_P(SemaphoreOrder, FirstComeFirstServed) {
  EXPECT_TRUE(sooner_or_later(GetParam(), {1, 1, 1, 1, 1, 1}));
}

TEST_P(SemaphoreOrder, ALargeRequestIsNotPassed) {
  EXPECT_TRUE(sooner_or_later(GetParam(), {1, 4, 1, 2, 1}));
}

TEST_P(SemaphoreOrder, TryAcquireDoesNotPassEither) {
  Crew crew(GetParam());
  umcg::Semaphore sem(2);
  crew.start([&] { sem.acquire(3); });
  // From the moment that the large request waits, small ones are refused though 2 are free.
  ASSERT_TRUE(umcg_test::eventually([&] {
    if (!sem.try_acquire()) return true;
    sem.release();
    return false;
  }));
  EXPECT_FALSE(sem.try_acquire_for(1ms));
  sem.release();
  crew.join();
  EXPECT_FALSE(sem.try_acquire());
}

// Small ones come and go all the time; the large one must get its turn.
TEST_P(SemaphoreOrder, ALargeRequestIsNotStarved) {
  Crew crew(GetParam());
  umcg::Semaphore sem(4);
  std::atomic<bool> served{false};
  for (int i = 0; i < 6; ++i) {
    crew.start([&] {
      while (!served) {
        sem.acquire();
        umcg::this_fiber::yield();
        sem.release();
      }
    });
  }
  crew.start([&] {
    for (int k = 0; k < 20; ++k) {
      sem.acquire(4);
      sem.release(4);
    }
    served = true;
  });
  crew.join();
}

UMCG_INSTANTIATE_CREWS(SemaphoreOrder);

}  // namespace
