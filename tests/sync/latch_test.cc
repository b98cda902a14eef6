// SPDX-License-Identifier: Apache-2.0
// Latch: opens at zero, lets all through.
#include "umcg/latch.h"

#include <gtest/gtest.h>

#include <atomic>

#include "support/crew.h"
#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::Latch;
using umcg_test::Crew;
using LatchTest = umcg_test::CrewTest;

constinit Latch global_latch(1);
static_assert(sizeof(Latch) == 2 * sizeof(void*));

TEST_P(LatchTest, LetsAllThroughAtZero) {
  Crew crew(GetParam());
  for (int k = 0; k < umcg_test::scaled(200); ++k) {
    Latch latch(4);
    int done[4] = {};
    std::atomic<int> through{0};
    for (int i = 0; i < 4; ++i) {
      crew.start([&, i] {
        done[i] = 1;
        latch.count_down();
      });
      crew.start([&] {
        latch.wait();
        EXPECT_EQ(done[0] + done[1] + done[2] + done[3], 4);
        ++through;
      });
    }
    crew.join();
    EXPECT_EQ(through, 4);
    EXPECT_TRUE(latch.try_wait());
    latch.wait();
  }
}

TEST_P(LatchTest, ArriveAndWait) {
  Crew crew(GetParam());
  Latch latch(6);
  std::atomic<int> arrived{0};
  for (int i = 0; i < 3; ++i) {
    crew.start([&] {
      ++arrived;
      latch.arrive_and_wait(2);
      EXPECT_EQ(arrived, 3);
    });
  }
  crew.join();
}

// The waiter destroys it while the last count_down() may still be under way.
TEST_P(LatchTest, OnTheStackOfTheWaiter) {
  Crew crew(GetParam());
  umcg::Runtime helpers({.servers = 2});
  for (int i = 0; i < 6; ++i) {
    crew.start([&] {
      for (int k = 0; k < umcg_test::scaled(500); ++k) {
        Latch latch(2);
        for (int child = 0; child < 2; ++child) helpers.post([&] { latch.count_down(); });
        latch.wait();
      }
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(LatchTest);

TEST(Latch, OfZeroIsOpen) {
  Latch latch(0);
  EXPECT_TRUE(latch.try_wait());
  latch.wait();
  latch.count_down(0);
}

TEST(Latch, GlobalOne) {
  global_latch.count_down();
  global_latch.wait();
}

class LatchDeathTest : public umcg_test::DeathTest {};

TEST_F(LatchDeathTest, BelowZero) {
  EXPECT_DEATH(Latch(1).count_down(2), "Latch: the count went below zero");
  EXPECT_DEATH(Latch(1).count_down(-1), "Latch: count_down.*negative");
}

}  // namespace
