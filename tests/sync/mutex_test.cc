// SPDX-License-Identifier: Apache-2.0
// Mutex: exclusion between whoever, try_lock.
#include "umcg/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/recursive_mutex.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Crew;
using umcg_test::kLong;
using MutexTest = umcg_test::CrewTest;

constinit umcg::Mutex global_mutex;  // no code runs to make one

TEST_P(MutexTest, Excludes) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  long plain = 0;
  std::atomic<int> inside{0};
  const int rounds = umcg_test::scaled(2000);
  for (int i = 0; i < 8; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < rounds; ++k) {
        const std::scoped_lock lock(mutex);
        EXPECT_EQ(inside.fetch_add(1), 0);
        ++plain;
        if ((k + i) % 16 == 0) umcg::this_fiber::yield();  // held over a switch
        inside.fetch_sub(1);
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, 8L * rounds);
}

TEST_P(MutexTest, ExcludesWithEveryWayToLock) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  long plain = 0;
  std::atomic<long> locked{0};
  const int rounds = umcg_test::scaled(1000);
  for (int i = 0; i < 6; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < rounds; ++k) {
        std::unique_lock lock(mutex, std::defer_lock);
        switch ((i + k) % 4) {
          case 0:
            lock.lock();
            break;
          case 1:
            (void)lock.try_lock();
            break;
          case 2:
            (void)lock.try_lock_for(std::chrono::microseconds(k % 50));
            break;
          default:
            (void)lock.try_lock_until(std::chrono::steady_clock::now() + 20us);
        }
        if (!lock.owns_lock()) continue;
        ++plain;
        if (k % 8 == 0) umcg::this_fiber::sleep_for(5us);
        ++locked;
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, locked);
  EXPECT_TRUE(mutex.try_lock()) << "nothing is left of the waits that gave up";
  mutex.unlock();
}

TEST_P(MutexTest, TryLock) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  mutex.lock();
  EXPECT_FALSE(mutex.try_lock()) << "not even for the owner";
  for (int i = 0; i < 2; ++i) crew.start([&] { EXPECT_FALSE(mutex.try_lock()); });
  crew.join();
  mutex.unlock();
  for (int i = 0; i < 2; ++i) {
    crew.start([&] {
      ASSERT_TRUE(mutex.try_lock());
      mutex.assert_held();
      EXPECT_FALSE(mutex.try_lock());
      mutex.unlock();
    });
    crew.join();
  }
}

TEST_P(MutexTest, TimedLockGetsIt) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  mutex.lock();
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      ASSERT_TRUE(mutex.try_lock_for(kLong));
      mutex.unlock();
    });
  }
  umcg::this_fiber::sleep_for(1ms);
  mutex.unlock();
  crew.join();
}

// std::lock and std::scoped_lock over all kinds, in every order.
TEST_P(MutexTest, LocksOfSeveralKinds) {
  Crew crew(GetParam());
  umcg::Mutex a;
  umcg::RecursiveMutex b;
  umcg::SharedMutex c;
  long plain = 0;
  const int rounds = umcg_test::scaled(400);
  for (int i = 0; i < 6; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < rounds; ++k) {
        switch ((i + k) % 3) {
          case 0: {
            const std::scoped_lock all(a, b, c);
            ++plain;
            break;
          }
          case 1: {
            const std::scoped_lock all(c, b, a);
            if (k % 16 == 0) umcg::this_fiber::yield();
            ++plain;
            break;
          }
          default: {
            std::unique_lock la(a, std::defer_lock);
            std::shared_lock lc(c, std::defer_lock);
            std::lock(lc, b, la);
            const std::unique_lock lb(b, std::adopt_lock);
            ++plain;
          }
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, 6L * rounds);
}

TEST_P(MutexTest, GlobalOne) {
  Crew crew(GetParam());
  long plain = 0;
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      const std::scoped_lock lock(global_mutex);
      umcg::this_fiber::yield();
      ++plain;
    });
  }
  crew.join();
  EXPECT_EQ(plain, 4);
}

// One hog takes the lock again as soon as it has given it back; the others must get it all the
// same, each of them a number of times. Without fairness the test would not end.
TEST_P(MutexTest, AHogStarvesNobody) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  std::atomic<int> hungry{3};
  crew.start([&] {
    for (int k = 0; hungry > 0; ++k) {
      const std::scoped_lock lock(mutex);
      // Now and then the others may look, and find it locked.
      if (k % 64 == 0) umcg::this_fiber::yield();
    }
  });
  for (int i = 0; i < 3; ++i) {
    crew.start([&] {
      for (int k = 0; k < 50; ++k) {
        const std::scoped_lock lock(mutex);
        umcg::this_fiber::yield();
      }
      --hungry;
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(MutexTest);

class MutexDeathTest : public umcg_test::DeathTest {};

TEST_F(MutexDeathTest, UnlockWhenNobodyHoldsIt) {
  EXPECT_DEATH(
      {
        umcg::Mutex mutex;
        mutex.unlock();
      },
      "umcg: thread.*not the owner");
}

TEST_F(MutexDeathTest, UnlockByAnotherFiber) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::Mutex mutex;
        rt.run([&] {
          mutex.lock();
          umcg::spawn({.name = "burglar"}, [&] { mutex.unlock(); }).join();
        });
      },
      "burglar.*not the owner");
}

TEST_F(MutexDeathTest, UnlockByAFiberOfAThreadsLock) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::Mutex mutex;
        mutex.lock();
        rt.run([&] { mutex.unlock(); });
      },
      "not the owner");
}

TEST_F(MutexDeathTest, UnlockByAnotherThread) {
  EXPECT_DEATH(
      {
        umcg::Mutex mutex;
        mutex.lock();
        std::thread([&] { mutex.unlock(); }).join();
      },
      "umcg: thread.*not the owner");
}

TEST_F(MutexDeathTest, LockByTheOwner) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::Mutex mutex;
        rt.spawn({.name = "again"}, [&] {
            mutex.lock();
            mutex.lock();
          }).join();
      },
      "again.*Mutex: lock.*holds already");
}

TEST_F(MutexDeathTest, DestroyedWhileHeld) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.spawn({.name = "careless"}, [&] {
            umcg::Mutex mutex;
            mutex.lock();
          }).join();
      },
      "careless.*Mutex: destroyed while");
}

TEST_F(MutexDeathTest, AssertHeld) {
  EXPECT_DEATH(umcg::Mutex().assert_held(), "Mutex: .*assert_held");
}

// What is destroyed in exit() may be in use: by the very code that called exit().
TEST_F(MutexDeathTest, NoReportInExit) {
  EXPECT_EXIT(
      {
        static umcg::Mutex mutex;
        umcg::Runtime rt;
        rt.run([&] {
          mutex.lock();
          std::exit(7);
        });
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
