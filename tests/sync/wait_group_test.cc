// SPDX-License-Identifier: Apache-2.0
// WaitGroup: waits for zero, again and again.
#include "umcg/wait_group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "support/crew.h"
#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Crew;
using WaitGroupTest = umcg_test::CrewTest;

constinit umcg::WaitGroup global_group;

TEST_P(WaitGroupTest, ZeroLetsThrough) {
  umcg::WaitGroup group;
  group.wait();
  EXPECT_TRUE(group.wait_for(0s));
  group.add(2);
  EXPECT_FALSE(group.wait_for(0s));
  group.done();
  EXPECT_FALSE(group.wait_for(1ms));
  group.done();
  group.wait();
  group.add(3);
  group.add(-3);
  group.wait();
  global_group.wait();
}

TEST_P(WaitGroupTest, WaitsForAll) {
  Crew crew(GetParam());
  umcg::WaitGroup jobs;
  std::vector<int> plain(20);
  for (int& slot : plain) {
    jobs.add();
    crew.start([&] {
      umcg::this_fiber::sleep_for(100us);
      slot = 1;
      jobs.done();
    });
  }
  jobs.wait();
  for (int slot : plain) EXPECT_EQ(slot, 1) << "written before done()";
  crew.join();
}

TEST_P(WaitGroupTest, ManyWaiters) {
  Crew crew(GetParam());
  umcg::WaitGroup group(2);
  std::atomic<int> passed{0};
  for (int i = 0; i < 12; ++i) {
    crew.start([&] {
      group.wait();
      ++passed;
    });
  }
  umcg::this_fiber::sleep_for(1ms);
  EXPECT_EQ(passed, 0);
  group.done();
  umcg::this_fiber::sleep_for(1ms);
  EXPECT_EQ(passed, 0);
  group.done();
  crew.join();
  EXPECT_EQ(passed, 12);
}

TEST_P(WaitGroupTest, UsedAgain) {
  Crew crew(GetParam());
  umcg::WaitGroup back;
  const int rounds = umcg_test::scaled(300);
  // A master and four helpers in step: the group is used again as soon as wait() returned.
  std::atomic<int> total{0};
  std::vector<umcg::Event> start(static_cast<std::size_t>(rounds));
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      for (auto& event : start) {
        event.wait();
        ++total;
        back.done();
      }
    });
  }
  for (int r = 0; r < rounds; ++r) {
    back.add(4);
    start[static_cast<std::size_t>(r)].set();
    back.wait();
    ASSERT_EQ(total, 4 * (r + 1));
  }
  crew.join();
}

TEST_P(WaitGroupTest, WorkThatMakesWork) {
  Crew crew(GetParam());
  umcg::WaitGroup group;
  std::atomic<int> ran{0};
  for (int i = 0; i < 4; ++i) {
    group.add();
    crew.start([&] {
      for (int k = 0; k < 20; ++k) group.add();
      for (int k = 0; k < 20; ++k) {
        ++ran;
        group.done();
      }
      group.done();
    });
  }
  group.wait();
  EXPECT_EQ(ran, 80);
  crew.join();
}

UMCG_INSTANTIATE_CREWS(WaitGroupTest);

class WaitGroupDeathTest : public umcg_test::DeathTest {};

TEST_F(WaitGroupDeathTest, DoneTooOften) {
  EXPECT_DEATH(
      {
        umcg::WaitGroup group(1);
        group.done();
        group.done();
      },
      "umcg: thread.*below zero");
}

TEST_F(WaitGroupDeathTest, NamesTheFiber) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        auto f = rt.spawn({.name = "overdoer"}, [] {
          umcg::WaitGroup group;
          group.add(-1);
        });
        f.join();
      },
      "overdoer.*below zero");
}

}  // namespace
