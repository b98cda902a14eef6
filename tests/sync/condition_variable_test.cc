// SPDX-License-Identifier: Apache-2.0
// ConditionVariable: notifications reach who waits, in order, with any lock, till a deadline.
#include "umcg/condition_variable.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;

template <class M>
class Queue {
 public:
  void push(int value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(value);
    }
    cv_.notify_one();
  }
  int pop() {
    std::unique_lock lock(mutex_);
    cv_.wait(lock, [&] { return !values_.empty(); });
    const int value = values_.front();
    values_.pop_front();
    return value;
  }

 private:
  M mutex_;
  umcg::ConditionVariable cv_;
  std::deque<int> values_;
};

using ConditionVariableTest = umcg_test::CrewTest;

template <class M>
void producers_and_consumers(Crew& crew) {
  Queue<M> queue;
  std::atomic<long> sum{0};
  const int each = umcg_test::scaled(500);
  for (int i = 0; i < 8; ++i) {
    // By pairs, so that both kinds are found in both halves of a mixed crew.
    if (i / 2 % 2 == 0) {
      crew.start([&] {
        for (int k = 1; k <= each; ++k) queue.push(k);
      });
    } else {
      crew.start([&] {
        for (int k = 0; k < each; ++k) sum += queue.pop();
      });
    }
  }
  crew.join();
  EXPECT_EQ(sum, 4L * each * (each + 1) / 2);
}

TEST_P(ConditionVariableTest, QueueUnderAMutex) {
  Crew crew(GetParam());
  producers_and_consumers<umcg::Mutex>(crew);
}

TEST_P(ConditionVariableTest, QueueUnderAStdMutex) {
  Crew crew(GetParam());
  producers_and_consumers<std::mutex>(crew);
}

// Counts, under the lock, who waits and who has been let through.
struct Gate {
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  int waiting = 0;
  int passed = 0;

  void wait_once() {
    std::unique_lock lock(mutex);
    ++waiting;
    cv.wait(lock);
    ++passed;
  }
  bool all_wait(int n) {
    const std::scoped_lock lock(mutex);
    return waiting == n;
  }
  int count() {
    const std::scoped_lock lock(mutex);
    return passed;
  }
};

TEST_P(ConditionVariableTest, NotifyOneWakesOne) {
  Crew crew(GetParam());
  Gate gate;
  for (int i = 0; i < 6; ++i) crew.start([&] { gate.wait_once(); });
  ASSERT_TRUE(umcg_test::eventually([&] { return gate.all_wait(6); }));
  for (int i = 1; i <= 6; ++i) {
    gate.cv.notify_one();
    ASSERT_TRUE(umcg_test::eventually([&] { return gate.count() == i; }));
  }
  crew.join();
}

TEST_P(ConditionVariableTest, NotifyAllWakesAll) {
  Crew crew(GetParam());
  Gate gate;
  for (int i = 0; i < 20; ++i) crew.start([&] { gate.wait_once(); });
  ASSERT_TRUE(umcg_test::eventually([&] { return gate.all_wait(20); }));
  EXPECT_EQ(gate.count(), 0);
  gate.cv.notify_all();
  crew.join();
  EXPECT_EQ(gate.count(), 20);
}

TEST_P(ConditionVariableTest, NotifyUnderTheLock) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  int turn = 0;
  const int rounds = umcg_test::scaled(500);
  for (int me = 0; me < 2; ++me) {
    crew.start([&, me] {
      for (int k = 0; k < rounds; ++k) {
        std::unique_lock lock(mutex);
        cv.wait(lock, [&] { return turn == me; });
        turn = 1 - me;
        cv.notify_one();
      }
    });
  }
  crew.join();
  EXPECT_EQ(turn, 0);
}

TEST_P(ConditionVariableTest, NotifyWithoutWaitersIsForgotten) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  cv.notify_one();
  cv.notify_all();
  for (int i = 0; i < 2; ++i) {
    crew.start([&] {
      std::unique_lock lock(mutex);
      EXPECT_EQ(cv.wait_for(lock, 1ms), std::cv_status::timeout);
    });
  }
  crew.join();
}

TEST_P(ConditionVariableTest, TimeoutsAreNotEarlyAndHoldTheLock) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      std::unique_lock lock(mutex);
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(cv.wait_for(lock, 5ms), std::cv_status::timeout);
      EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
      EXPECT_TRUE(lock.owns_lock());
      EXPECT_FALSE(mutex.try_lock());
      EXPECT_EQ(cv.wait_until(lock, start), std::cv_status::timeout);
      EXPECT_FALSE(cv.wait_for(lock, 1ms, [] { return false; }));
      EXPECT_TRUE(cv.wait_for(lock, 0ms, [] { return true; }));
      EXPECT_FALSE(
          cv.wait_until(lock, std::chrono::system_clock::now() + 1ms, [] { return false; }));
    });
  }
  crew.join();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST_P(ConditionVariableTest, WhoLooksAgainAndAgainLetsOthersIn) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  bool changed = false;
  umcg::Event locked;
  crew.start([&] {
    std::unique_lock lock(mutex);
    locked.set();
    while (!changed) EXPECT_EQ(cv.wait_for(lock, 0ms), std::cv_status::timeout);
  });
  crew.start([&] {
    locked.wait();
    const std::lock_guard lock(mutex);
    changed = true;
  });
  crew.join();
}

TEST_P(ConditionVariableTest, AnUnlockThatThrowsLeavesNobodyWaiting) {
  Crew crew(GetParam());
  umcg::ConditionVariable cv;
  crew.start([&] {
    umcg::Mutex mutex;
    std::unique_lock not_held(mutex, std::defer_lock);
    EXPECT_THROW(cv.wait(not_held), std::system_error);
  });
  crew.join();
  cv.notify_all();
}

// The lock's pin ends as it is unlocked, and with it what keeps the fiber on its thread.
TEST_P(ConditionVariableTest, ALockMayHoldAPin) {
  struct PinnedLock {
    std::recursive_mutex& mutex;
    std::optional<umcg::this_fiber::ThreadPin> pin = std::nullopt;
    void lock() {
      pin.emplace();
      mutex.lock();
    }
    void unlock() {
      mutex.unlock();
      pin.reset();
    }
  };
  Crew crew(GetParam());
  std::recursive_mutex mutex;
  umcg::ConditionVariable cv;
  int turn = 0;
  for (const int mine : {0, 1}) {
    crew.start([&, mine] {
      PinnedLock lock{mutex};
      for (int i = 0; i < umcg_test::scaled(200); ++i) {
        const std::lock_guard guard(lock);
        cv.wait(lock, [&] { return turn == mine; });
        if (i % 8 == 0) ::usleep(200);  // the server goes to another thread
        turn = 1 - mine;
        cv.notify_all();
      }
    });
  }
  crew.join();
}

TEST_P(ConditionVariableTest, StopEndsTheWait) {
  Crew crew(GetParam());
  Gate gate;
  std::stop_source source;
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      std::unique_lock lock(gate.mutex);
      ++gate.waiting;
      EXPECT_EQ(gate.cv.wait(lock, source.get_token()), WaitStatus::kStopped);
      EXPECT_EQ(gate.cv.wait(
                    lock, [] { return false; }, source.get_token(), kLong),
                WaitStatus::kStopped);
      EXPECT_EQ(gate.cv.wait(
                    lock, [] { return true; }, source.get_token(), kLong),
                WaitStatus::kReady);
      EXPECT_FALSE(gate.mutex.try_lock()) << "held again";
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return gate.all_wait(4); }));
  source.request_stop();
  crew.join();
}

// A waiter that gives up must not swallow the notification meant for one that waits on.
TEST_P(ConditionVariableTest, ANotificationIsNotLostToATimeout) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  long tickets = 0;
  long taken = 0;
  bool closed = false;
  const int total = umcg_test::scaled(2000);
  for (int i = 0; i < 4; ++i) {
    crew.start([&, i] {
      std::unique_lock lock(mutex);
      for (;;) {
        while (tickets == 0 && !closed) {
          if (i % 2 == 0) {
            cv.wait(lock);
          } else if (cv.wait_for(lock, 20us) == std::cv_status::timeout) {
            break;
          }
        }
        if (tickets > 0) {
          --tickets;
          ++taken;
        } else if (closed) {
          return;
        }
      }
    });
  }
  for (int k = 0; k < total; ++k) {
    {
      const std::scoped_lock lock(mutex);
      ++tickets;
    }
    cv.notify_one();
  }
  ASSERT_TRUE(umcg_test::eventually([&] {
    const std::scoped_lock lock(mutex);
    return taken == total;
  }));
  {
    const std::scoped_lock lock(mutex);
    closed = true;
  }
  cv.notify_all();
  crew.join();
}

UMCG_INSTANTIATE_CREWS(ConditionVariableTest);

// Fibers on one server arrive in a known order; they must be woken in it.
TEST(ConditionVariableOrder, WakesInTheOrderOfArrival) {
  umcg::Runtime rt({.servers = 1});
  rt.run([] {
    Gate gate;
    std::vector<int> order;
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < 10; ++i) {
      fibers.push_back(umcg::spawn([&, i] {
        std::unique_lock lock(gate.mutex);
        ++gate.waiting;
        gate.cv.wait(lock);
        order.push_back(i);
      }));
      ASSERT_TRUE(umcg_test::eventually([&] { return gate.all_wait(i + 1); }));
    }
    for (int i = 0; i < 10; ++i) {
      gate.cv.notify_one();
      ASSERT_TRUE(umcg_test::eventually([&] {
        const std::scoped_lock lock(gate.mutex);
        return order.size() == static_cast<std::size_t>(i) + 1;
      }));
      EXPECT_EQ(order.back(), i);
    }
    for (auto& f : fibers) f.join();
  });
}

}  // namespace
