// SPDX-License-Identifier: Apache-2.0
// when_all and when_any: combinations, races of inputs with each other and with the combining.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/crew.h"
#include "support/sanitizers.h"
#include "umcg/future.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::Future;
using umcg::Promise;
using umcg::when_all;
using umcg::when_any;
using umcg_test::Crew;
using WhenTest = umcg_test::CrewTest;

constexpr auto kNone = static_cast<std::size_t>(-1);

TEST(WhenAll, OfNothingIsReady) {
  EXPECT_TRUE(when_all().is_ready());
  EXPECT_TRUE(when_all(std::vector<Future<int>>()).is_ready());
}

TEST(WhenAll, OfSeveralTypes) {
  Promise<int> p;
  Promise<void> q;
  Promise<std::unique_ptr<int>> r;
  auto all = when_all(p.get_future(), q.get_future(), r.get_future());
  r.set_value(std::make_unique<int>(3));
  p.set_value(1);
  EXPECT_FALSE(all.is_ready());
  q.set_value();
  ASSERT_TRUE(all.is_ready());
  auto [a, b, c] = all.get();
  EXPECT_EQ(a.get(), 1);
  b.get();
  EXPECT_EQ(*c.get(), 3);
}

TEST(WhenAll, AnErrorStaysInItsInput) {
  Promise<int> p;
  Promise<int> q;
  auto all = when_all(p.get_future(), q.get_future());
  p.set_exception(std::make_exception_ptr(std::runtime_error("no")));
  EXPECT_FALSE(all.is_ready()) << "the others are waited for";
  q.set_value(2);
  auto [a, b] = all.get();
  EXPECT_THROW(a.get(), std::runtime_error);
  EXPECT_EQ(b.get(), 2);
}

TEST(WhenAny, OfNothingIsReady) {
  EXPECT_EQ(when_any().get().index, kNone);
  EXPECT_EQ(when_any(std::vector<Future<int>>()).get().index, kNone);
}

TEST(WhenAny, TheFirstWins) {
  Promise<int> p;
  Promise<std::string> q;
  auto any = when_any(p.get_future(), q.get_future());
  EXPECT_FALSE(any.is_ready());
  q.set_value("second");
  ASSERT_TRUE(any.is_ready());
  auto won = any.get();
  EXPECT_EQ(won.index, 1u);
  EXPECT_EQ(std::get<1>(won.futures).get(), "second");
  EXPECT_FALSE(std::get<0>(won.futures).is_ready());
  p.set_value(1);
  EXPECT_EQ(std::get<0>(won.futures).get(), 1);
}

TEST(WhenAny, OneThatIsReadyAlready) {
  Promise<int> p;
  Promise<int> q;
  Promise<int> r;
  q.set_value(5);
  r.set_value(6);
  auto won = when_any(p.get_future(), q.get_future(), r.get_future()).get();
  EXPECT_EQ(won.index, 1u);
}

TEST(WhenAny, BrokenPromisesCount) {
  auto broken = std::make_unique<Promise<int>>();
  auto any = when_any(broken->get_future());
  broken.reset();
  EXPECT_THROW(std::get<0>(any.get().futures).get(), std::future_error);
}

// The loop that every reader of replies writes: what is left goes into the next when_any().
TEST(WhenAny, AgainAndAgainOverWhatIsLeft) {
  constexpr std::size_t kInputs = 20;
  std::vector<Promise<std::size_t>> promises(kInputs);
  std::vector<Future<std::size_t>> left;
  for (auto& p : promises) left.push_back(p.get_future());
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kInputs; ++i) {
    auto any = when_any(std::move(left));
    promises[(i * 7) % kInputs].set_value(i);
    auto won = any.get();
    sum += won.futures[won.index].get();
    left = std::move(won.futures);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(won.index));
  }
  EXPECT_EQ(sum, kInputs * (kInputs - 1) / 2);
}

TEST(When, WithoutAStateThrows) {
  Promise<int> p;
  EXPECT_THROW((void)when_all(p.get_future(), Future<int>()), std::future_error);
  EXPECT_THROW((void)when_any(Future<int>()), std::future_error);
}

TEST(When, CombinationsNest) {
  Promise<int> p;
  Promise<int> q;
  Promise<int> r;
  auto nested = when_any(when_all(p.get_future(), q.get_future()), r.get_future());
  p.set_value(1);
  EXPECT_FALSE(nested.is_ready());
  q.set_value(2);
  EXPECT_EQ(nested.get().index, 0u);
}

TEST(When, ADroppedCombinationLeavesItsInputsToTheirPromises) {
  auto counted = std::make_shared<int>(0);
  {
    Promise<std::shared_ptr<int>> p;
    Promise<std::shared_ptr<int>> q;
    { auto all = when_all(p.get_future(), q.get_future()); }
    p.set_value(counted);
    q.set_value(counted);
    EXPECT_EQ(counted.use_count(), 3);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

// Inputs become ready on one side while they are combined on the other.
TEST_P(WhenTest, AllWhileInputsBecomeReady) {
  Crew crew(GetParam());
  constexpr std::size_t kInputs = 5;
  const std::size_t rounds = static_cast<std::size_t>(umcg_test::scaled(400));
  std::vector<Promise<std::size_t>> promises(rounds * kInputs);
  std::vector<Future<std::size_t>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      std::vector<Future<std::size_t>> inputs;
      for (std::size_t k = 0; k < kInputs; ++k) {
        inputs.push_back(std::move(futures[i * kInputs + k]));
      }
      std::size_t n = 0;
      for (auto& f : when_all(std::move(inputs)).get()) {
        EXPECT_TRUE(f.is_ready());
        EXPECT_EQ(f.get(), i * kInputs + n++);
      }
    }
  });
  for (std::size_t start = 0; start < 2; ++start) {
    crew.start([&, start] {
      for (std::size_t i = start; i < promises.size(); i += 2) {
        promises[i].set_value(i);
        if (i % 11 == 0) umcg::this_fiber::yield();
      }
    });
  }
  crew.join();
}

TEST_P(WhenTest, AnyWhileInputsBecomeReady) {
  Crew crew(GetParam());
  constexpr std::size_t kInputs = 3;
  const std::size_t rounds = static_cast<std::size_t>(umcg_test::scaled(400));
  std::vector<Promise<std::size_t>> promises(rounds * kInputs);
  std::vector<Future<std::size_t>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      std::vector<Future<std::size_t>> left;
      for (std::size_t k = 0; k < kInputs; ++k) {
        left.push_back(std::move(futures[i * kInputs + k]));
      }
      while (!left.empty()) {
        auto won = when_any(std::move(left)).get();
        ASSERT_LT(won.index, won.futures.size());
        ASSERT_TRUE(won.futures[won.index].is_ready());
        left = std::move(won.futures);
        EXPECT_EQ(left[won.index].get() / kInputs, i);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(won.index));
      }
    }
  });
  for (std::size_t start = 0; start < 2; ++start) {
    crew.start([&, start] {
      for (std::size_t i = start; i < promises.size(); i += 2) {
        promises[i].set_value(i);
        if (i % 5 == 0) umcg::this_fiber::yield();
      }
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(WhenTest);

}  // namespace
