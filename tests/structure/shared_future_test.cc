// SPDX-License-Identifier: Apache-2.0
// SharedFuture: one result, many who take it.
#include "umcg/shared_future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/crew.h"
#include "support/sanitizers.h"
#include "umcg/select.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::Promise;
using umcg::SharedFuture;
using umcg::WaitStatus;
using umcg_test::Crew;
using SharedFutureTest = umcg_test::CrewTest;

static_assert(std::is_nothrow_copy_constructible_v<SharedFuture<int>>);
static_assert(std::is_nothrow_copy_assignable_v<SharedFuture<int>>);
static_assert(std::is_nothrow_move_constructible_v<SharedFuture<int>>);
static_assert(std::is_same_v<decltype(std::declval<SharedFuture<int>>().get()), const int&>);
static_assert(std::is_same_v<decltype(std::declval<SharedFuture<int&>>().get()), int&>);
static_assert(std::is_void_v<decltype(std::declval<SharedFuture<void>>().get())>);

TEST(SharedFutureRules, TheResultStaysWhereItIs) {
  Promise<std::string> p;
  auto unique = p.get_future();
  SharedFuture<std::string> a = unique.share();
  EXPECT_FALSE(unique.valid());
  const SharedFuture<std::string> b = a;
  p.set_value("text");
  EXPECT_EQ(a.get(), "text");
  EXPECT_EQ(a.get(), "text") << "again";
  EXPECT_EQ(&a.get(), &b.get());
  a = SharedFuture<std::string>();
  EXPECT_EQ(b.get(), "text");
  EXPECT_TRUE(b.valid());
}

TEST(SharedFutureRules, OtherKindsOfResults) {
  int n = 0;
  Promise<int&> reference;
  SharedFuture<int&> r = reference.get_future();
  reference.set_value(n);
  EXPECT_EQ(&r.get(), &n);
  Promise<void> nothing;
  SharedFuture<void> v = nothing.get_future();
  nothing.set_value();
  v.get();
  v.get();
}

TEST(SharedFutureRules, NoState) {
  SharedFuture<int> none;
  EXPECT_FALSE(none.valid());
  EXPECT_THROW((void)none.get(), std::future_error);
  EXPECT_THROW(none.wait(), std::future_error);
  SharedFuture<int> copy = none;
  EXPECT_FALSE(copy.valid());
}

TEST(SharedFutureRules, AnExceptionIsThrownAtEverybody) {
  Promise<int> p;
  SharedFuture<int> a = p.get_future();
  const SharedFuture<int> b = a;
  p.set_exception(std::make_exception_ptr(std::runtime_error("x")));
  EXPECT_THROW((void)a.get(), std::runtime_error);
  EXPECT_THROW((void)a.get(), std::runtime_error);
  EXPECT_THROW((void)b.get(), std::runtime_error);
}

TEST_P(SharedFutureTest, WakesAllWhoWait) {
  Crew crew(GetParam());
  for (int round = 0; round < umcg_test::scaled(100); ++round) {
    Promise<int> p;
    SharedFuture<int> shared = p.get_future();
    std::atomic<int> got{0};
    for (int i = 0; i < 6; ++i) {
      crew.start([mine = shared, &got, i] {
        if (i % 3 == 0) {
          EXPECT_EQ(umcg::select({mine.on_ready()}), 0U);
        } else if (i % 3 == 1) {
          EXPECT_EQ(mine.wait(std::stop_token()), WaitStatus::kReady);
        }
        got += mine.get();
      });
    }
    crew.start([&] {
      shared = SharedFuture<int>();
      umcg::this_fiber::yield();
      p.set_value(1);
    });
    crew.join();
    EXPECT_EQ(got, 6);
  }
}

UMCG_INSTANTIATE_CREWS(SharedFutureTest);

}  // namespace
