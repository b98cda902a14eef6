// SPDX-License-Identifier: Apache-2.0
// RecursiveMutex: as Mutex, and again for its owner.
#include "umcg/recursive_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stop_token>
#include <thread>

#include "support/crew.h"
#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::RecursiveMutex;
using umcg::WaitStatus;
using umcg_test::Crew;
using RecursiveMutexTest = umcg_test::CrewTest;

constinit RecursiveMutex global_mutex;
static_assert(sizeof(RecursiveMutex) == 3 * sizeof(void*));

// Locks to the given depth, in every way, and suspends at each level.
void descend(RecursiveMutex& mutex, int depth, long& plain) {
  std::unique_lock lock(mutex, std::defer_lock);
  switch (depth % 4) {
    case 0:
      lock.lock();
      break;
    case 1:
      ASSERT_TRUE(lock.try_lock());
      break;
    case 2:
      ASSERT_TRUE(lock.try_lock_for(1ms));
      break;
    default:
      ASSERT_EQ(mutex.lock({}, 1ms), WaitStatus::kReady);
      lock = std::unique_lock(mutex, std::adopt_lock);
  }
  mutex.assert_held();
  ++plain;
  umcg::this_fiber::yield();
  if (depth < 5) descend(mutex, depth + 1, plain);
  ++plain;
}

TEST_P(RecursiveMutexTest, ExcludesOthersUntilTheLastUnlock) {
  Crew crew(GetParam());
  RecursiveMutex mutex;
  long plain = 0;
  const int rounds = umcg_test::scaled(200);
  for (int i = 0; i < 6; ++i) {
    crew.start([&] {
      for (int k = 0; k < rounds; ++k) descend(mutex, 0, plain);
    });
  }
  crew.join();
  EXPECT_EQ(plain, 6L * rounds * 12);
}

TEST_P(RecursiveMutexTest, OthersAreKeptOut) {
  Crew crew(GetParam());
  RecursiveMutex mutex;
  std::stop_source source;
  mutex.lock();
  mutex.lock();
  mutex.unlock();
  source.request_stop();
  for (int i = 0; i < 2; ++i) {
    crew.start([&] {
      EXPECT_FALSE(mutex.try_lock());
      EXPECT_FALSE(mutex.try_lock_for(1ms));
      EXPECT_FALSE(mutex.try_lock_until(std::chrono::steady_clock::now()));
      EXPECT_EQ(mutex.lock(source.get_token()), WaitStatus::kStopped);
    });
  }
  crew.join();
  EXPECT_EQ(mutex.lock(source.get_token(), 0ms), WaitStatus::kReady)
      << "the owner waits for nobody";
  mutex.unlock();
  mutex.unlock();
  crew.start([&] { const std::scoped_lock lock(mutex); });
  crew.join();
}

TEST_P(RecursiveMutexTest, GlobalOne) {
  Crew crew(GetParam());
  long plain = 0;
  for (int i = 0; i < 4; ++i) crew.start([&] { descend(global_mutex, 0, plain); });
  crew.join();
  EXPECT_EQ(plain, 4 * 12);
}

UMCG_INSTANTIATE_CREWS(RecursiveMutexTest);

class RecursiveMutexDeathTest : public umcg_test::DeathTest {};

TEST_F(RecursiveMutexDeathTest, UnlockByOneWhoIsNotTheOwner) {
  EXPECT_DEATH(
      {
        RecursiveMutex mutex;
        mutex.lock();
        std::thread([&] { mutex.unlock(); }).join();
      },
      "umcg: thread.*RecursiveMutex: unlock.*not the owner");
  EXPECT_DEATH(
      {
        RecursiveMutex mutex;
        mutex.lock();
        mutex.unlock();
        mutex.unlock();
      },
      "RecursiveMutex: unlock.*not the owner");
}

TEST_F(RecursiveMutexDeathTest, DestroyedWhileHeld) {
  EXPECT_DEATH(
      {
        RecursiveMutex mutex;
        mutex.lock();
        mutex.lock();
        mutex.unlock();
      },
      "Mutex: destroyed while");
}

}  // namespace
