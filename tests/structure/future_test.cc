// SPDX-License-Identifier: Apache-2.0
// Promise and Future: what std says of them, from fibers and threads.
#include "umcg/future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/select.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::Future;
using umcg::Promise;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;
using FutureTest = umcg_test::CrewTest;

static_assert(!std::is_copy_constructible_v<Future<int>>);
static_assert(std::is_nothrow_move_constructible_v<Future<int>>);
static_assert(std::is_nothrow_move_assignable_v<Future<int>>);
static_assert(!std::is_copy_constructible_v<Promise<int>>);
static_assert(std::is_nothrow_move_constructible_v<Promise<int>>);
static_assert(std::is_nothrow_move_assignable_v<Promise<int>>);
static_assert(std::is_same_v<decltype(std::declval<Future<int&>>().get()), int&>);
static_assert(std::is_void_v<decltype(std::declval<Future<void>>().get())>);

template <class F>
void expect_error(std::future_errc wanted, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing thrown";
  } catch (const std::future_error& e) {
    EXPECT_EQ(e.code(), std::make_error_code(wanted)) << e.what();
  }
}

TEST(FutureRules, NoState) {
  Future<int> f;
  EXPECT_FALSE(f.valid());
  expect_error(std::future_errc::no_state, [&] { f.get(); });
  expect_error(std::future_errc::no_state, [&] { f.wait(); });
  expect_error(std::future_errc::no_state, [&] { (void)f.wait(std::stop_token()); });
  expect_error(std::future_errc::no_state, [&] { (void)f.wait_for(0s); });
  expect_error(std::future_errc::no_state, [&] { (void)f.is_ready(); });
  Promise<int> p;
  Promise<int> q = std::move(p);
  expect_error(std::future_errc::no_state,
               [&] { p.set_value(1); });  // NOLINT(bugprone-use-after-move)
  expect_error(std::future_errc::no_state, [&] { (void)p.get_future(); });
  expect_error(std::future_errc::no_state, [&] { p.set_exception(nullptr); });
}

TEST(FutureRules, OneFutureAndOneResult) {
  Promise<int> p;
  Future<int> f = p.get_future();
  EXPECT_TRUE(f.valid());
  EXPECT_FALSE(f.is_ready());
  expect_error(std::future_errc::future_already_retrieved, [&] { (void)p.get_future(); });
  p.set_value(3);
  EXPECT_TRUE(f.is_ready());
  expect_error(std::future_errc::promise_already_satisfied, [&] { p.set_value(4); });
  expect_error(std::future_errc::promise_already_satisfied,
               [&] { p.set_exception(std::make_exception_ptr(1)); });
  EXPECT_EQ(f.get(), 3);
  EXPECT_FALSE(f.valid());
  expect_error(std::future_errc::no_state, [&] { f.get(); });
}

TEST(FutureRules, ResultBeforeTheFutureIsTaken) {
  Promise<std::string> p;
  p.set_value("text");
  EXPECT_EQ(p.get_future().get(), "text");
}

TEST(FutureRules, BrokenPromise) {
  Future<int> f;
  {
    Promise<int> p;
    f = p.get_future();
  }
  EXPECT_TRUE(f.is_ready());
  expect_error(std::future_errc::broken_promise, [&] { f.get(); });
  EXPECT_FALSE(f.valid()) << "an error is a result too";
}

TEST(FutureRules, AssigningToAPromiseBreaksItsOldOne) {
  Promise<int> p;
  Future<int> old = p.get_future();
  p = Promise<int>();
  expect_error(std::future_errc::broken_promise, [&] { old.get(); });
  Future<int> fresh = p.get_future();
  p.set_value(1);
  EXPECT_EQ(fresh.get(), 1);
}

TEST(FutureRules, SwapExchangesStates) {
  Promise<int> p;
  Promise<int> q;
  Future<int> f = p.get_future();
  swap(p, q);
  q.set_value(5);
  EXPECT_EQ(f.get(), 5);
}

TEST(FutureRules, KindsOfResults) {
  Promise<void> nothing;
  nothing.set_value();
  nothing.get_future().get();

  int n = 0;
  Promise<int&> reference;
  reference.set_value(n);
  EXPECT_EQ(&reference.get_future().get(), &n);

  Promise<std::unique_ptr<int>> move_only;
  move_only.set_value(std::make_unique<int>(7));
  EXPECT_EQ(*move_only.get_future().get(), 7);

  struct NoDefault {
    explicit NoDefault(int) {}
  };
  Promise<NoDefault> p;
  p.set_value(NoDefault(1));
  (void)p.get_future().get();
}

TEST(FutureRules, AnExceptionTravels) {
  Promise<std::string> p;
  p.set_exception(std::make_exception_ptr(std::runtime_error("why")));
  Future<std::string> f = p.get_future();
  try {
    (void)f.get();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "why");
  }
}

// As in std, the promise may try again when building the result has failed.
TEST(FutureRules, AResultThatCannotBeBuiltIsNone) {
  struct Copied {
    explicit Copied(bool b) : throws(b) {}
    Copied(const Copied& other) : throws(other.throws) {
      if (throws) throw std::runtime_error("copy");
    }
    bool throws;
  };
  Promise<Copied> p;
  const Copied bad(true);
  const Copied good(false);
  EXPECT_THROW(p.set_value(bad), std::runtime_error);
  Future<Copied> f = p.get_future();
  EXPECT_FALSE(f.is_ready());
  p.set_value(good);
  EXPECT_FALSE(f.get().throws);
}

TEST(FutureRules, ResultsAreDestroyedOnceWhoeverGoesFirst) {
  auto counted = std::make_shared<int>(0);
  {
    auto p = std::make_unique<Promise<std::shared_ptr<int>>>();
    Future<std::shared_ptr<int>> f = p->get_future();
    p->set_value(counted);
    p.reset();
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
  {
    Promise<std::shared_ptr<int>> p;
    { Future<std::shared_ptr<int>> dropped = p.get_future(); }
    p.set_value(counted);
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(FutureRules, ADestructorNeverWaits) {
  Promise<int> p;
  { Future<int> dropped = p.get_future(); }
  p.set_value(1);
}

TEST_P(FutureTest, WaitsForTheResult) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(500);
  std::vector<Promise<int>> promises(static_cast<std::size_t>(rounds));
  std::vector<Future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  std::vector<int> plain(promises.size());
  crew.start([&] {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      if (i % 2 == 0) futures[i].wait();
      EXPECT_EQ(futures[i].get(), static_cast<int>(i));
      EXPECT_EQ(plain[i], 1) << "written before set_value()";
    }
  });
  crew.start([&] {
    for (std::size_t i = 0; i < promises.size(); ++i) {
      if (i % 7 == 0) umcg::this_fiber::yield();
      plain[i] = 1;
      promises[i].set_value(static_cast<int>(i));
    }
  });
  crew.join();
}

// Each result meets a deadline and a stop at about the same moment; it is never lost.
TEST_P(FutureTest, ResultStopAndDeadlineTogether) {
  Crew crew(GetParam());
  struct Round {
    Promise<std::unique_ptr<int>> promise;
    Future<std::unique_ptr<int>> future = promise.get_future();
    std::stop_source source;
  };
  const int rounds = umcg_test::scaled(500);
  std::vector<Round> all(static_cast<std::size_t>(rounds));
  std::atomic<int> asked{0};
  crew.start([&] {
    for (auto& r : all) {
      const WaitStatus s = r.future.wait(r.source.get_token(), 30us);
      if (s == WaitStatus::kReady) {
        EXPECT_TRUE(r.future.is_ready());
      }
      EXPECT_NE(r.future.get(), nullptr) << "whatever became of the first wait";
    }
  });
  crew.start([&] {
    for (auto& r : all) {
      r.promise.set_value(std::make_unique<int>(1));
      umcg::this_fiber::yield();
    }
  });
  crew.start([&] {
    for (auto& r : all) {
      if (r.source.request_stop()) ++asked;
      umcg::this_fiber::yield();
    }
  });
  crew.join();
  EXPECT_EQ(asked, rounds);
}

TEST_P(FutureTest, SelectChoosesTheOneThatIsReady) {
  Crew crew(GetParam());
  const std::size_t rounds = static_cast<std::size_t>(umcg_test::scaled(300));
  std::vector<Promise<int>> promises(2 * rounds);
  std::vector<Future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      Future<int>& a = futures[2 * i];
      Future<int>& b = futures[2 * i + 1];
      EXPECT_EQ(umcg::select({a.on_ready(), b.on_ready(), umcg::on_deadline(kLong)}), i % 2);
      EXPECT_EQ((i % 2 == 0 ? a : b).get(), 1);
      promises[2 * i + (1 - i % 2)].set_value(2);  // with the queue used before
      EXPECT_EQ(umcg::try_select({(i % 2 == 0 ? b : a).on_ready()}), 0U);
    }
  });
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i % 3 == 0) umcg::this_fiber::yield();
      promises[2 * i + i % 2].set_value(1);
    }
  });
  crew.join();
  EXPECT_THROW((void)Future<int>().on_ready(), std::future_error);
}

// A select, a wait and a combination of one future at once.
TEST_P(FutureTest, WaitersOfAllKinds) {
  Crew crew(GetParam());
  for (int round = 0; round < umcg_test::scaled(100); ++round) {
    Promise<int> p;
    Promise<int> q;
    auto all = umcg::when_all(p.get_future(), q.get_future());
    std::atomic<int> woken{0};
    crew.start([&] {
      EXPECT_EQ(umcg::select({all.on_ready()}), 0U);
      ++woken;
    });
    crew.start([&] {
      all.wait();
      ++woken;
    });
    crew.start([&] {
      p.set_value(1);
      umcg::this_fiber::yield();
      q.set_value(2);
    });
    crew.join();
    EXPECT_EQ(woken, 2);
  }
}

// The last reference may go on either side.
TEST_P(FutureTest, PromiseAndFutureDieTogether) {
  Crew crew(GetParam());
  const std::size_t rounds = static_cast<std::size_t>(umcg_test::scaled(2000));
  std::vector<std::optional<Promise<std::string>>> promises(rounds);
  std::vector<std::optional<Future<std::string>>> futures(rounds);
  for (std::size_t i = 0; i < rounds; ++i) futures[i] = promises[i].emplace().get_future();
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i % 3 != 0) promises[i]->set_value(std::string(100, 'x'));
      promises[i].reset();
    }
  });
  crew.start([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i % 3 == 1) {
        EXPECT_EQ(futures[i]->get().size(), 100u);
      } else if (i % 3 == 0) {
        expect_error(std::future_errc::broken_promise, [&] { futures[i]->get(); });
      }
      futures[i].reset();
    }
  });
  crew.join();
}

UMCG_INSTANTIATE_CREWS(FutureTest);

}  // namespace
