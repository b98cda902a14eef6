// SPDX-License-Identifier: Apache-2.0
// Semaphore: permits are neither lost nor made, whoever takes them.
#include "umcg/semaphore.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stop_token>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;
using umcg_test::Crew;
using SemaphoreTest = umcg_test::CrewTest;

constinit umcg::Semaphore global_semaphore(1);

TEST_P(SemaphoreTest, TakeAndGive) {
  umcg::Semaphore sem(3);
  sem.acquire();
  sem.acquire(2);
  EXPECT_FALSE(sem.try_acquire());
  sem.release();
  EXPECT_FALSE(sem.try_acquire(2));
  EXPECT_TRUE(sem.try_acquire());
  sem.release(3);
  EXPECT_TRUE(sem.try_acquire(3));
}

TEST_P(SemaphoreTest, ZeroPermits) {
  umcg::Semaphore sem(0);
  sem.acquire(0);
  EXPECT_TRUE(sem.try_acquire(0));
  sem.release(0);
  EXPECT_FALSE(sem.try_acquire());
  EXPECT_EQ(sem.acquire({}, 0ms, 0), WaitStatus::kReady);
}

TEST_P(SemaphoreTest, NeverMoreInsideThanPermits) {
  Crew crew(GetParam());
  umcg::Semaphore sem(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 10; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < umcg_test::scaled(300); ++k) {
        sem.acquire();
        const int now = ++inside;
        EXPECT_LE(now, 3);
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        if ((i + k) % 4 == 0) umcg::this_fiber::yield();
        --inside;
        sem.release();
      }
    });
  }
  crew.join();
  EXPECT_EQ(inside, 0);
  EXPECT_TRUE(sem.try_acquire(3));
  EXPECT_FALSE(sem.try_acquire());
}

TEST_P(SemaphoreTest, MixedAmountsAddUp) {
  Crew crew(GetParam());
  umcg::Semaphore sem(5);
  std::atomic<int> taken{0};
  for (int i = 0; i < 8; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < umcg_test::scaled(300); ++k) {
        const int n = 1 + (i + k) % 5;
        if (k % 3 == 0) {
          if (sem.acquire({}, std::chrono::microseconds(k % 40), n) != WaitStatus::kReady) continue;
        } else {
          sem.acquire(n);
        }
        EXPECT_LE(taken.fetch_add(n) + n, 5);
        if (k % 8 == 0) umcg::this_fiber::yield();
        taken.fetch_sub(n);
        sem.release(n);
      }
    });
  }
  crew.join();
  EXPECT_TRUE(sem.try_acquire(5)) << "nothing was lost to waits that gave up";
  EXPECT_FALSE(sem.try_acquire());
}

TEST_P(SemaphoreTest, HandsOnWritesOfTheReleaser) {
  Crew crew(GetParam());
  umcg::Semaphore items(0);
  umcg::Semaphore space(1);
  int plain = 0;
  const int rounds = umcg_test::scaled(1000);
  crew.start([&] {
    for (int i = 1; i <= rounds; ++i) {
      space.acquire();
      plain = i;
      items.release();
    }
  });
  crew.start([&] {
    for (int i = 1; i <= rounds; ++i) {
      items.acquire();
      EXPECT_EQ(plain, i);
      space.release();
    }
  });
  crew.join();
}

// A large request at the head that gives up must let the small ones behind it through.
TEST_P(SemaphoreTest, AHeadThatGivesUpLetsTheNextThrough) {
  Crew crew(GetParam());
  umcg::Semaphore sem(1);
  std::stop_source source;
  crew.start([&] { EXPECT_EQ(sem.acquire(source.get_token(), {}, 100), WaitStatus::kStopped); });
  // From the moment that it waits, the one free permit is refused to others.
  ASSERT_TRUE(umcg_test::eventually([&] {
    if (!sem.try_acquire()) return true;
    sem.release();
    return false;
  }));
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      sem.acquire();
      sem.release();
    });
  }
  umcg::this_fiber::sleep_for(1ms);
  source.request_stop();
  crew.join();
  EXPECT_TRUE(sem.try_acquire());
}

TEST_P(SemaphoreTest, GlobalOne) {
  Crew crew(GetParam());
  for (int i = 0; i < 4; ++i) {
    crew.start([] {
      global_semaphore.acquire();
      umcg::this_fiber::yield();
      global_semaphore.release();
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(SemaphoreTest);

class SemaphoreDeathTest : public umcg_test::DeathTest {};

TEST_F(SemaphoreDeathTest, TooManyPermits) {
  EXPECT_DEATH(
      {
        umcg::Semaphore sem(umcg::Semaphore::max());
        sem.release();
      },
      "umcg: thread");
}

}  // namespace
