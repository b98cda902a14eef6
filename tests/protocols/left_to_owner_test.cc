// SPDX-License-Identifier: Apache-2.0
// What a searcher leaves to the server that has queued it, and for how long.
#include "runtime/scheduler/left_to_owner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/fiber/fiber_core.h"
#include "support/eventually.h"
#include "umcg/runtime.h"
#include "umcg/stats.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::internal::FiberCore;
using umcg::internal::LeftToOwner;
using umcg::internal::Server;

class OwnersQueues : public ::testing::Test {
 protected:
  void wake_one() { owner_->ready.push(&fiber_); }
  void run_one() { EXPECT_NE(owner_->ready.pop(owner_->gate), nullptr); }
  void start_one() { owner_->fresh.push(&fiber_); }
  void run_new_one() { EXPECT_NE(owner_->fresh.pop(owner_->gate), nullptr); }
  bool takes_at(std::int64_t now) { return left_.may_steal_from(*owner_, now); }

  static constexpr std::int64_t kStart = 1'000'000'000;
  std::unique_ptr<Server> owner_ = std::make_unique<Server>();
  FiberCore fiber_;
  LeftToOwner left_;
};

TEST_F(OwnersQueues, NothingIsTakenFromNobody) {
  EXPECT_FALSE(takes_at(kStart));
  EXPECT_FALSE(takes_at(kStart + 10 * LeftToOwner::kSoon));
}

TEST_F(OwnersQueues, OfTheWokenThatStandForLong) {
  for (int i = 0; i < 3; ++i) wake_one();
  EXPECT_FALSE(takes_at(kStart));
  run_one();
  EXPECT_FALSE(takes_at(kStart + LeftToOwner::kSoon - 1));
  EXPECT_TRUE(takes_at(kStart + LeftToOwner::kSoon));
}

TEST_F(OwnersQueues, NoneWhileTheOwnerGoesRound) {
  constexpr int kCrowd = 16;
  for (int i = 0; i < kCrowd; ++i) wake_one();
  std::int64_t now = kStart;
  for (int round = 0; round < 100; ++round, now += LeftToOwner::kSoon) {
    EXPECT_FALSE(takes_at(now));
    for (int i = 0; i < kCrowd; ++i) {
      run_one();
      wake_one();
    }
  }
  EXPECT_TRUE(left_.has_changed_lately(now - 1));
  EXPECT_FALSE(takes_at(now));
  EXPECT_TRUE(takes_at(now + LeftToOwner::kSoon));
  EXPECT_FALSE(left_.has_changed_lately(now + LeftToOwner::kSoon));
}

TEST_F(OwnersQueues, TwoNewOnesAtOnce) {
  start_one();
  start_one();
  EXPECT_TRUE(takes_at(kStart));
}

TEST_F(OwnersQueues, ALoneNewOneIfItIsStillThere) {
  start_one();
  EXPECT_FALSE(takes_at(kStart));
  EXPECT_FALSE(takes_at(kStart + LeftToOwner::kMoment - 1));
  EXPECT_TRUE(takes_at(kStart + LeftToOwner::kMoment));
  run_new_one();
  start_one();
  EXPECT_FALSE(takes_at(kStart + 2 * LeftToOwner::kMoment)) << "it is another one";
}

TEST_F(OwnersQueues, ALoneNewOneNotAtOnceAfterALookAtNothing) {
  EXPECT_FALSE(takes_at(kStart));
  EXPECT_FALSE(left_.has_changed_lately(kStart));
  start_one();
  const std::int64_t later = kStart + 10 * LeftToOwner::kMoment;
  EXPECT_FALSE(takes_at(later));
  EXPECT_TRUE(takes_at(later + LeftToOwner::kMoment));
}

// More servers than there are notes: those that share one have their time after each other.
TEST_F(OwnersQueues, OneOfManyServersHasItsTimeToo) {
  std::vector<std::unique_ptr<Server>> others;
  for (std::uint32_t i = 1; i < 64; ++i) {
    others.push_back(std::make_unique<Server>());
    others.back()->index = i;
    others.back()->ready.push(&fiber_);
  }
  wake_one();
  std::int64_t now = kStart;
  for (int taken = 0; taken < 2; now += LeftToOwner::kSoon) {
    ASSERT_LT(now, kStart + 100 * LeftToOwner::kSoon);
    taken += takes_at(now) ? 1 : 0;
    for (auto& other : others) (void)left_.may_steal_from(*other, now);
  }
}

// Fibers whose turns are short are left to their server, but not for ever.
TEST(LeftToOwnerAtLast, FibersThatOnlyYieldPart) {
  umcg::Runtime rt({.servers = 2});
  std::atomic<bool> stop{false};
  std::vector<umcg::Fiber<>> fibers;
  rt.run([&] {
    for (int i = 0; i < 8; ++i) {
      fibers.push_back(umcg::spawn([&] {
        while (!stop) umcg::this_fiber::yield();
      }));
    }
  });
  EXPECT_TRUE(umcg_test::eventually([&] { return rt.stats().steals != 0; }));
  stop = true;
  for (auto& fiber : fibers) fiber.join();
}

}  // namespace
