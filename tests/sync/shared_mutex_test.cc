// SPDX-License-Identifier: Apache-2.0
// SharedMutex: one writer or many readers, every way to lock, misuse.
#include "umcg/shared_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/latch.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;
using SharedMutexTest = umcg_test::CrewTest;

constinit umcg::SharedMutex global_mutex;
static_assert(sizeof(umcg::SharedMutex) == 2 * sizeof(void*));

// What must hold inside: no writer beside anybody.
class Inside {
 public:
  void write(auto body) {
    EXPECT_EQ(inside_.fetch_add(kWriter), 0);
    body();
    inside_.fetch_sub(kWriter);
  }
  void read(auto body) {
    EXPECT_LT(inside_.fetch_add(1), kWriter);
    body();
    inside_.fetch_sub(1);
  }

 private:
  static constexpr int kWriter = 1'000'000;
  std::atomic<int> inside_{0};
};

TEST_P(SharedMutexTest, Excludes) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  Inside inside;
  long plain = 0;
  const int rounds = umcg_test::scaled(1500);
  for (int i = 0; i < 8; ++i) {
    crew.start([&, i] {
      long seen = 0;
      for (int k = 0; k < rounds; ++k) {
        const auto pause = [&] {
          if ((k + i) % 16 == 0) umcg::this_fiber::yield();  // held over a switch
        };
        if ((k + i) % 4 == 0) {
          const std::scoped_lock lock(mutex);
          inside.write([&] { ++plain, pause(); });
        } else {
          const std::shared_lock lock(mutex);
          inside.read([&] { pause(); });
          EXPECT_GE(plain, seen);
          seen = plain;
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, 2L * rounds);
}

TEST_P(SharedMutexTest, ExcludesWithEveryWayToLock) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  Inside inside;
  long plain = 0;
  std::atomic<long> written{0};
  const int rounds = umcg_test::scaled(800);
  for (int i = 0; i < 6; ++i) {
    crew.start([&, i] {
      const auto way = [&](auto& lock, int k) {
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
        return lock.owns_lock();
      };
      for (int k = 0; k < rounds; ++k) {
        const auto pause = [&] {
          if (k % 8 == 0) umcg::this_fiber::sleep_for(5us);
        };
        if ((k / 4 + i) % 3 == 0) {
          std::unique_lock lock(mutex, std::defer_lock);
          if (way(lock, k)) inside.write([&] { ++plain, ++written, pause(); });
        } else {
          std::shared_lock lock(mutex, std::defer_lock);
          if (way(lock, k)) inside.read(pause);
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, written);
  EXPECT_TRUE(mutex.try_lock()) << "nothing is left of the waits that gave up";
  mutex.unlock();
}

TEST_P(SharedMutexTest, ReadersAreInTogether) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  umcg::Latch all_in(4);
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      const std::shared_lock lock(mutex);
      all_in.arrive_and_wait();
    });
  }
  crew.join();
}

TEST_P(SharedMutexTest, TryLock) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  mutex.lock();
  EXPECT_FALSE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock_shared());
  mutex.unlock();
  mutex.lock_shared();
  crew.start([&] {
    EXPECT_FALSE(mutex.try_lock());
    ASSERT_TRUE(mutex.try_lock_shared());
    EXPECT_FALSE(mutex.try_lock());
    mutex.unlock_shared();
  });
  crew.join();
  mutex.unlock_shared();
  ASSERT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST_P(SharedMutexTest, TimedLocksGetIt) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  mutex.lock();
  for (int i = 0; i < 4; ++i) {
    crew.start([&, i] {
      if (i % 2 == 0) {
        ASSERT_TRUE(mutex.try_lock_for(kLong));
        mutex.unlock();
      } else {
        ASSERT_TRUE(mutex.try_lock_shared_for(kLong));
        mutex.unlock_shared();
      }
    });
  }
  umcg::this_fiber::sleep_for(1ms);
  mutex.unlock();
  crew.join();
}

// Readers were held back for a writer that gives up: they must not wait for the reader inside.
TEST_P(SharedMutexTest, AWriterThatGivesUpLetsReadersIn) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  mutex.lock_shared();
  std::stop_source source;
  crew.start([&] { EXPECT_EQ(mutex.lock(source.get_token()), WaitStatus::kStopped); });
  ASSERT_TRUE(umcg_test::eventually([&] {
    if (!mutex.try_lock_shared()) return true;  // the writer waits
    mutex.unlock_shared();
    return false;
  }));
  umcg::Latch in(2);
  for (int i = 0; i < 2; ++i) {
    crew.start([&] {
      const std::shared_lock lock(mutex);
      in.count_down();
    });
  }
  umcg::this_fiber::sleep_for(1ms);
  EXPECT_FALSE(in.try_wait());
  source.request_stop();
  in.wait();
  crew.join();
  mutex.unlock_shared();
}

// Readers overlap for ever; the writer must get in all the same.
TEST_P(SharedMutexTest, ReadersDoNotStarveAWriter) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  std::atomic<bool> over{false};
  umcg::Latch reading(3);
  for (int i = 0; i < 3; ++i) {
    crew.start([&] {
      for (bool first = true; !over; first = false) {
        const std::shared_lock lock(mutex);
        if (first) reading.count_down();
        umcg::this_fiber::yield();
      }
    });
  }
  crew.start([&] {
    reading.wait();
    for (int k = 0; k < 100; ++k) {
      const std::scoped_lock lock(mutex);
      umcg::this_fiber::yield();
    }
    over = true;
  });
  crew.join();
}

// Writers hand the lock to each other for ever; a reader must get in.
TEST_P(SharedMutexTest, WritersDoNotStarveAReader) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  std::atomic<bool> over{false};
  for (int i = 0; i < 3; ++i) {
    crew.start([&] {
      while (!over) {
        const std::scoped_lock lock(mutex);
        umcg::this_fiber::yield();
      }
    });
  }
  crew.start([&] {
    for (int k = 0; k < 100; ++k) {
      const std::shared_lock lock(mutex);
      umcg::this_fiber::yield();
    }
    over = true;
  });
  crew.join();
}

// One writer takes the lock again as soon as it has given it back.
TEST_P(SharedMutexTest, AHogStarvesNobody) {
  Crew crew(GetParam());
  umcg::SharedMutex mutex;
  std::atomic<int> hungry{4};
  crew.start([&] {
    for (int k = 0; hungry > 0; ++k) {
      const std::scoped_lock lock(mutex);
      if (k % 64 == 0) umcg::this_fiber::yield();
    }
  });
  for (int i = 0; i < 4; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < 50; ++k) {
        if (i % 2 == 0) {
          const std::scoped_lock lock(mutex);
          umcg::this_fiber::yield();
        } else {
          const std::shared_lock lock(mutex);
          umcg::this_fiber::yield();
        }
      }
      --hungry;
    });
  }
  crew.join();
}

TEST_P(SharedMutexTest, GlobalOne) {
  Crew crew(GetParam());
  long plain = 0;
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      const std::scoped_lock lock(global_mutex);
      global_mutex.assert_held();
      umcg::this_fiber::yield();
      ++plain;
    });
  }
  crew.join();
  const std::shared_lock lock(global_mutex);
  global_mutex.assert_shared();
  EXPECT_EQ(plain, 4);
}

UMCG_INSTANTIATE_CREWS(SharedMutexTest);

class SharedMutexDeathTest : public umcg_test::DeathTest {};

TEST_F(SharedMutexDeathTest, UnlockByOneWhoIsNotTheWriter) {
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock();
        std::thread([&] { mutex.unlock(); }).join();
      },
      "umcg: thread.*SharedMutex: unlock.*not the writer");
}

TEST_F(SharedMutexDeathTest, UnlockOfAReadersLock) {
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock_shared();
        mutex.unlock();
      },
      "SharedMutex: unlock.*not the writer");
}

TEST_F(SharedMutexDeathTest, UnlockSharedWithoutALock) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::SharedMutex mutex;
        rt.spawn({.name = "burglar"}, [&] { mutex.unlock_shared(); }).join();
      },
      "burglar.*unlock_shared.*nobody holds it shared");
}

TEST_F(SharedMutexDeathTest, UnlockSharedOfAWritersLock) {
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock();
        mutex.unlock_shared();
      },
      "unlock_shared.*nobody holds it shared");
}

TEST_F(SharedMutexDeathTest, Recursion) {
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock();
        mutex.lock();
      },
      "SharedMutex: lock.*wait for ever");
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock();
        mutex.lock_shared();
      },
      "SharedMutex: lock_shared.*wait for ever");
}

TEST_F(SharedMutexDeathTest, DestroyedWhileHeld) {
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock();
      },
      "SharedMutex: destroyed while");
  EXPECT_DEATH(
      {
        umcg::SharedMutex mutex;
        mutex.lock_shared();
      },
      "SharedMutex: destroyed while");
}

TEST_F(SharedMutexDeathTest, Assertions) {
  EXPECT_DEATH(umcg::SharedMutex().assert_held(), "assert_held");
  EXPECT_DEATH(umcg::SharedMutex().assert_shared(), "assert_shared");
}

}  // namespace
