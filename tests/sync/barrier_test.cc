// SPDX-License-Identifier: Apache-2.0
// Barrier: phases, the completion function, tokens, members that leave, deadlines, stops.
#include "umcg/barrier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::Barrier;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;
using BarrierTest = umcg_test::CrewTest;

constinit Barrier<> global_barrier(1);

TEST_P(BarrierTest, NobodyPassesBeforeAllHaveArrived) {
  Crew crew(GetParam());
  constexpr int kMembers = 6;
  const int rounds = umcg_test::scaled(500);
  std::vector<int> at(kMembers);  // plain: the barrier orders the accesses
  Barrier<> barrier(kMembers);
  for (std::size_t i = 0; i < kMembers; ++i) {
    crew.start([&, i] {
      for (int k = 1; k <= rounds; ++k) {
        at[i] = k;
        barrier.arrive_and_wait();
        for (int other : at) EXPECT_EQ(other, k);
        barrier.arrive_and_wait();
      }
    });
  }
  crew.join();
}

TEST_P(BarrierTest, CompletionRunsOncePerPhaseBeforeAnybodyGoesOn) {
  Crew crew(GetParam());
  constexpr int kMembers = 4;
  const int rounds = umcg_test::scaled(300);
  int sum = 0;
  int completions = 0;
  std::atomic<int> part{0};
  Barrier barrier(kMembers, [&]() noexcept {
    umcg::this_fiber::yield();  // it may suspend
    sum += part.exchange(0);
    ++completions;
  });
  for (int i = 0; i < kMembers; ++i) {
    crew.start([&] {
      for (int k = 1; k <= rounds; ++k) {
        ++part;
        barrier.arrive_and_wait();
        EXPECT_EQ(sum, k * kMembers);
        EXPECT_EQ(completions, 2 * k - 1);
        barrier.wait(barrier.arrive());
      }
    });
  }
  crew.join();
  EXPECT_EQ(completions, 2 * rounds);
}

TEST_P(BarrierTest, MembersLeave) {
  Crew crew(GetParam());
  constexpr int kMembers = 5;
  Barrier<> barrier(kMembers);
  std::atomic<int> passed{0};
  for (int i = 0; i < kMembers; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < 20 * i; ++k) {
        barrier.arrive_and_wait();
        ++passed;
      }
      barrier.arrive_and_drop();
    });
  }
  crew.join();
  EXPECT_EQ(passed, 20 * (1 + 2 + 3 + 4));
}

TEST_P(BarrierTest, ArrivingForSeveral) {
  Crew crew(GetParam());
  Barrier<> barrier(5);
  crew.start([&] { barrier.wait(barrier.arrive(3)); });
  crew.start([&] {
    auto token = barrier.arrive(2);
    umcg::this_fiber::yield();
    barrier.wait(std::move(token));
  });
  crew.join();
}

TEST_P(BarrierTest, AnArrivalCountsThoughItsWaitGivesUp) {
  Crew crew(GetParam());
  Barrier<> barrier(2);
  std::stop_source source;
  std::atomic<bool> gave_up{false};
  crew.start([&] {
    auto token = barrier.arrive();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(barrier.wait(token, {}, 5ms), WaitStatus::kTimeout);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
    source.request_stop();
    EXPECT_EQ(barrier.wait(token, source.get_token()), WaitStatus::kStopped);
    gave_up = true;
    EXPECT_EQ(barrier.wait(token, {}, kLong), WaitStatus::kReady);
    EXPECT_EQ(barrier.wait(token, source.get_token()), WaitStatus::kReady);
  });
  crew.start([&] {
    EXPECT_TRUE(umcg_test::eventually([&] { return gave_up.load(); }));
    barrier.arrive_and_wait();
  });
  crew.join();
}

// All leave it, the last one destroys it.
TEST_P(BarrierTest, DestroyedAfterTheLastPhase) {
  Crew crew(GetParam());
  struct Shared {
    Barrier<> barrier{3};
    std::atomic<int> left{3};
  };
  for (int k = 0; k < umcg_test::scaled(300); ++k) {
    auto* shared = new Shared;
    for (int i = 0; i < 3; ++i) {
      crew.start([shared] {
        shared->barrier.arrive_and_wait();
        if (--shared->left == 0) delete shared;
      });
    }
    if (k % 10 == 9) crew.join();
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(BarrierTest);

TEST(Barrier, GlobalOne) {
  for (int k = 0; k < 3; ++k) global_barrier.arrive_and_wait();
}

TEST(Barrier, TokensAreMovedOnly) {
  using Token = Barrier<>::arrival_token;
  static_assert(std::is_nothrow_move_constructible_v<Token>);
  static_assert(std::is_nothrow_move_assignable_v<Token>);
  static_assert(!std::is_copy_constructible_v<Token>);
}

class BarrierDeathTest : public umcg_test::DeathTest {};

TEST_F(BarrierDeathTest, TooManyArrivals) {
  EXPECT_DEATH((void)Barrier<>(1).arrive(2), "Barrier: more arrivals than");
  EXPECT_DEATH((void)Barrier<>(1).arrive(0), "Barrier: arrive.*not positive");
}

TEST_F(BarrierDeathTest, NobodyIsExpected) {
  EXPECT_DEATH(
      {
        Barrier<> barrier(1);
        barrier.arrive_and_drop();
        barrier.arrive_and_drop();
      },
      "Barrier: arrive_and_drop.*nobody is expected");
}

}  // namespace
