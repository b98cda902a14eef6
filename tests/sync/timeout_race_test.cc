// SPDX-License-Identifier: Apache-2.0
// Deadlines and stops that come at the very moment of the wake-up: exactly one of them wins, and
// what the loser meant to give is not lost.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using umcg::WaitStatus;
using umcg_test::Crew;
using TimeoutRace = umcg_test::CrewTest;

std::chrono::nanoseconds up_to(std::mt19937& random, unsigned micros) {
  return std::chrono::nanoseconds(random() % (1000 * micros) + 1);
}

// One gives permits at random moments, one takes them with deadlines of the same length.
TEST_P(TimeoutRace, SemaphorePermitsAreNotLost) {
  Crew crew(GetParam());
  umcg::Semaphore sem(0);
  std::atomic<bool> over{false};
  const int rounds = umcg_test::scaled(2000);
  std::atomic<int> taken{0};
  for (unsigned i = 0; i < 3; ++i) {
    crew.start([&, i] {
      std::mt19937 random(i);
      while (!over) {
        if (sem.try_acquire_for(up_to(random, 60))) ++taken;
      }
    });
  }
  crew.start([&] {
    std::mt19937 random(99);
    for (int k = 0; k < rounds; ++k) {
      umcg::this_fiber::sleep_for(up_to(random, 60));
      sem.release();
    }
    EXPECT_TRUE(umcg_test::eventually([&] { return taken == rounds; }));
    over = true;
  });
  crew.join();
  EXPECT_EQ(taken, rounds);
  EXPECT_FALSE(sem.try_acquire());
}

TEST_P(TimeoutRace, MutexIsHeldExactlyIfItSaysSo) {
  Crew crew(GetParam());
  umcg::Mutex mutex;
  long plain = 0;
  std::atomic<long> locked{0};
  for (unsigned i = 0; i < 4; ++i) {
    crew.start([&, i] {
      std::mt19937 random(i);
      for (int k = 0; k < umcg_test::scaled(1000); ++k) {
        if (!mutex.try_lock_for(up_to(random, 40))) continue;
        ++plain;
        umcg::this_fiber::sleep_for(up_to(random, 20));
        mutex.unlock();
        ++locked;
      }
    });
  }
  crew.join();
  EXPECT_EQ(plain, locked);
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST_P(TimeoutRace, EventSaysReadyExactlyIfSet) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(1000);
  std::vector<umcg::Event> events(static_cast<std::size_t>(rounds));
  std::vector<umcg::Event> seen(static_cast<std::size_t>(rounds));
  crew.start([&] {
    std::mt19937 random(1);
    for (std::size_t k = 0; k < events.size(); ++k) {
      if (events[k].wait_for(up_to(random, 60))) {
        EXPECT_TRUE(events[k].is_set());
      }
      events[k].wait();  // whatever became of the first, the second must end
      seen[k].set();
    }
  });
  crew.start([&] {
    std::mt19937 random(2);
    for (std::size_t k = 0; k < events.size(); ++k) {
      umcg::this_fiber::sleep_for(up_to(random, 60));
      events[k].set();
      seen[k].wait();
    }
  });
  crew.join();
}

// Three reasons to end a wait at about the same moment.
TEST_P(TimeoutRace, StopDeadlineAndWakeTogether) {
  Crew crew(GetParam());
  struct Round {
    umcg::Semaphore sem{0};
    std::stop_source source;
    std::atomic<int> result{-1};
    umcg::WaitGroup over{3};
  };
  const int rounds = umcg_test::scaled(1000);
  std::vector<std::unique_ptr<Round>> all;
  for (int k = 0; k < rounds; ++k) all.push_back(std::make_unique<Round>());
  crew.start([&] {
    std::mt19937 random(1);
    for (auto& r : all) {
      r->result = static_cast<int>(r->sem.acquire(r->source.get_token(), up_to(random, 30)));
      r->over.done();
      r->over.wait();
    }
  });
  crew.start([&] {
    std::mt19937 random(2);
    for (auto& r : all) {
      umcg::this_fiber::sleep_for(up_to(random, 30));
      r->sem.release();
      r->over.done();
      r->over.wait();
    }
  });
  crew.start([&] {
    std::mt19937 random(3);
    for (auto& r : all) {
      umcg::this_fiber::sleep_for(up_to(random, 30));
      r->source.request_stop();
      r->over.done();
      r->over.wait();
    }
  });
  crew.join();
  for (auto& r : all) {
    const bool got_it = r->result == static_cast<int>(WaitStatus::kReady);
    EXPECT_EQ(r->sem.try_acquire(), !got_it) << "the permit is taken or there, never both";
    EXPECT_NE(r->result, static_cast<int>(WaitStatus::kClosed));
  }
}

UMCG_INSTANTIATE_CREWS(TimeoutRace);

}  // namespace
