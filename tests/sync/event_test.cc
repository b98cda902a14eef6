// SPDX-License-Identifier: Apache-2.0
// Event: set lets everybody through until reset.
#include "umcg/event.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;
using umcg_test::Crew;
using EventTest = umcg_test::CrewTest;

constinit umcg::Event global_event;

TEST_P(EventTest, SetAndReset) {
  umcg::Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  event.wait();
  EXPECT_TRUE(event.is_set()) << "a wait takes nothing away";
  EXPECT_TRUE(event.wait_for(0s));
  event.reset();
  event.reset();
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait_for(0s));
}

TEST_P(EventTest, WakesAll) {
  Crew crew(GetParam());
  umcg::Event event;
  std::atomic<int> started{0};
  std::atomic<int> passed{0};
  int plain = 0;
  for (int i = 0; i < 30; ++i) {
    crew.start([&] {
      ++started;
      event.wait();
      EXPECT_EQ(plain, 1) << "written before set()";
      ++passed;
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 30; }));
  EXPECT_EQ(passed, 0);
  plain = 1;
  event.set();
  crew.join();
  EXPECT_EQ(passed, 30);
}

TEST_P(EventTest, WakesThoughResetAtOnce) {
  Crew crew(GetParam());
  umcg::Event event;
  umcg::Event other;
  std::atomic<int> first{0};
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      // Those that wait when set() comes are let through, whatever comes next.
      while (!event.wait_for(100us)) {
      }
      ++first;
      other.wait();
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] {
    event.set();
    event.reset();
    return first == 4;
  }));
  other.set();
  crew.join();
}

// Two take turns by two events: each wake-up depends on the one before.
TEST_P(EventTest, PingPong) {
  Crew crew(GetParam());
  umcg::Event ping;
  umcg::Event pong;
  const int rounds = umcg_test::scaled(1000);
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      ping.wait();
      ping.reset();
      pong.set();
    }
  });
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      ping.set();
      pong.wait();
      pong.reset();
    }
  });
  crew.join();
  EXPECT_FALSE(ping.is_set());
  EXPECT_FALSE(pong.is_set());
}

// Some give up, by deadline or stop, in the middle of the queue; the others must be woken.
TEST_P(EventTest, WaitersThatLeaveDoNotTakeOthersAlong) {
  for (int round = 0; round < umcg_test::scaled(30); ++round) {
    Crew crew(GetParam());
    umcg::Event event;
    std::stop_source source;
    std::atomic<int> ready{0};
    for (int i = 0; i < 12; ++i) {
      crew.start([&, i] {
        switch (i % 3) {
          case 0:
            if (event.wait_for(std::chrono::microseconds(50 * i))) ++ready;
            break;
          case 1:
            if (event.wait(source.get_token()) == WaitStatus::kReady) ++ready;
            break;
          default:
            event.wait();
            ++ready;
        }
      });
    }
    umcg::this_fiber::sleep_for(100us);
    source.request_stop();
    umcg::this_fiber::sleep_for(100us);
    event.set();
    crew.join();
    EXPECT_GE(ready, 4);
  }
}

TEST_P(EventTest, GlobalOne) {
  Crew crew(GetParam());
  global_event.reset();
  for (int i = 0; i < 2; ++i) crew.start([] { global_event.wait(); });
  global_event.set();
  crew.join();
}

UMCG_INSTANTIATE_CREWS(EventTest);

}  // namespace
