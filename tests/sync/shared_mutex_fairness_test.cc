// SPDX-License-Identifier: Apache-2.0
// How often a waiter of a SharedMutex is passed. On one server that is never handed over, where it
// is known who waits: the test's own fiber is the newcomer that comes again without end.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "umcg/latch.h"
#include "umcg/runtime.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::WaitStatus;

class SharedMutexFairness : public ::testing::Test {
 protected:
  void run(const std::function<void()>& body) {
    ::unsetenv("UMCG_HANDOFF");  // it would win over the option
    umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
    rt.run([&] {
      body();
      for (auto& fiber : std::exchange(fibers_, {})) fiber.join();
    });
  }
  // When it returns that fiber waits.
  void start(std::function<void()> body) {
    fibers_.push_back(umcg::spawn(std::move(body)));
    let_others_run();
  }
  void start_writer() {
    start([this] {
      const std::scoped_lock lock(mutex_);
      ++through_;
      umcg::this_fiber::yield();
    });
  }
  void start_reader() {
    start([this] {
      const std::shared_lock lock(mutex_);
      ++through_;
      umcg::this_fiber::yield();
    });
  }
  static void let_others_run() {
    for (int i = 0; i < 4; ++i) umcg::this_fiber::yield();
  }

  // Tries until all waiters are through. Returns how often it got the lock.
  int pass(auto lock, int waiters) {
    int passes = 0;
    for (int tries = 0; through_ < waiters && tries < 1000; ++tries) {
      if (lock.try_lock()) {
        ++passes;
        let_others_run();
        lock.unlock();
      } else {
        umcg::this_fiber::yield();
      }
    }
    EXPECT_EQ(through_, waiters);
    return passes;
  }
  int pass_as_reader(int waiters) {
    return pass(std::shared_lock(mutex_, std::defer_lock), waiters);
  }
  int pass_as_writer(int waiters) {
    return pass(std::unique_lock(mutex_, std::defer_lock), waiters);
  }

  umcg::SharedMutex mutex_;
  int through_ = 0;

 private:
  std::vector<umcg::Fiber<>> fibers_;
};

TEST_F(SharedMutexFairness, AReaderLosesOnce) {
  run([&] {
    mutex_.lock();
    start_reader();
    mutex_.unlock();
    EXPECT_EQ(pass_as_writer(1), 1);
  });
}

TEST_F(SharedMutexFairness, AWriterLosesOnce) {
  for (const bool to_readers : {false, true}) {
    through_ = 0;
    run([&] {
      mutex_.lock();
      start_writer();
      mutex_.unlock();
      EXPECT_EQ(to_readers ? pass_as_reader(1) : pass_as_writer(1), 1);
    });
  }
}

TEST_F(SharedMutexFairness, EachOfManyLosesOnceAtMost) {
  constexpr int kEach = 8;
  for (const bool to_readers : {false, true}) {
    through_ = 0;
    run([&] {
      mutex_.lock();
      for (int i = 0; i < kEach; ++i) {
        start_writer();
        start_reader();
      }
      mutex_.unlock();
      // The readers are one lot.
      EXPECT_LE(to_readers ? pass_as_reader(2 * kEach) : pass_as_writer(2 * kEach), kEach + 1);
    });
  }
}

TEST_F(SharedMutexFairness, NobodyJoinsReadersWhileAWriterWaits) {
  run([&] {
    mutex_.lock_shared();
    start_writer();
    EXPECT_FALSE(mutex_.try_lock_shared());
    start_reader();
    EXPECT_EQ(through_, 0);
    mutex_.unlock_shared();
  });
  EXPECT_EQ(through_, 2);
}

// Woken one by one, they do not take the writer for a reason to wait for each other.
TEST_F(SharedMutexFairness, ReadersThatWaitedTogetherReadTogether) {
  umcg::Latch both(2);
  run([&] {
    mutex_.lock();
    for (int i = 0; i < 2; ++i) {
      start([&] {
        const std::shared_lock lock(mutex_);
        both.arrive_and_wait();
      });
    }
    start_writer();
    mutex_.unlock();
    both.wait();
  });
  EXPECT_EQ(through_, 1);
}

// ... and neither do one that has lost and one that came later.
TEST_F(SharedMutexFairness, ALoserIsHandedTheLockWithThoseWhoCameLater) {
  umcg::Latch both(2);
  run([&] {
    const auto read = [&] {
      const std::shared_lock lock(mutex_);
      both.arrive_and_wait();
    };
    mutex_.lock();
    start(read);
    mutex_.unlock();
    mutex_.lock();
    let_others_run();
    start(read);
    mutex_.unlock();
    EXPECT_FALSE(mutex_.try_lock());
    both.wait();
  });
}

TEST_F(SharedMutexFairness, AWriterThatHasLostGoesBeforeOthers) {
  std::vector<int> order;
  run([&] {
    mutex_.lock();
    for (int i = 0; i < 2; ++i) {
      start([&, i] {
        const std::scoped_lock lock(mutex_);
        order.push_back(i);
      });
    }
    mutex_.unlock();
    mutex_.lock();
    let_others_run();
    mutex_.unlock();
    EXPECT_FALSE(mutex_.try_lock());
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
}

// It was woken, and a reader waits behind it.
TEST_F(SharedMutexFairness, AWriterThatLosesAndGivesUpLetsReadersIn) {
  std::stop_source source;
  run([&] {
    mutex_.lock_shared();
    start([&] { EXPECT_EQ(mutex_.lock(source.get_token()), WaitStatus::kStopped); });
    start_reader();
    mutex_.unlock_shared();
    mutex_.lock_shared();
    source.request_stop();
    let_others_run();
    EXPECT_EQ(through_, 1);
    mutex_.unlock_shared();
  });
}

}  // namespace
