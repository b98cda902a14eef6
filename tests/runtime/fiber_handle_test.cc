// SPDX-License-Identifier: Apache-2.0
// Fiber<R> as a handle: join, wait, move, detach, destroy.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using FiberHandle = umcg_test::MatrixTest;

static_assert(!std::is_copy_constructible_v<umcg::Fiber<>>);
static_assert(std::is_nothrow_move_constructible_v<umcg::Fiber<int>>);
static_assert(std::is_nothrow_move_assignable_v<umcg::Fiber<int>>);
static_assert(std::is_nothrow_default_constructible_v<umcg::Fiber<>>);

template <class F>
void expect_error(std::errc wanted, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::make_error_code(wanted)) << e.what();
  }
}

TEST_P(FiberHandle, DefaultMadeHasNoFiber) {
  umcg::Fiber<int> f;
  EXPECT_FALSE(f.joinable());
  EXPECT_EQ(f.get_id(), umcg::FiberId());
  EXPECT_FALSE(f.request_stop());
  expect_error(std::errc::invalid_argument, [&] { f.join(); });
  expect_error(std::errc::invalid_argument, [&] { f.detach(); });
}

TEST_P(FiberHandle, JoinTwiceThrows) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([] { return 1; });
  EXPECT_TRUE(f.joinable());
  EXPECT_EQ(f.join(), 1);
  EXPECT_FALSE(f.joinable());
  expect_error(std::errc::invalid_argument, [&] { f.join(); });
  expect_error(std::errc::invalid_argument, [&] { f.detach(); });
}

TEST_P(FiberHandle, JoinOfItselfThrows) {
  umcg::Runtime rt(options());
  umcg::Event handed_over;
  umcg::Event handed_back;
  umcg::Fiber<> f;
  f = rt.spawn([&] {
    handed_over.wait();
    expect_error(std::errc::resource_deadlock_would_occur, [&] { f.join(); });
    handed_back.set();
  });
  handed_over.set();
  handed_back.wait();  // a handle is for one at a time
  f.join();
}

TEST_P(FiberHandle, MoveHandsTheFiberOn) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([] { return 2; });
  const umcg::FiberId id = f.get_id();
  umcg::Fiber<int> g = std::move(f);
  EXPECT_FALSE(f.joinable());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(g.get_id(), id);
  EXPECT_EQ(g.join(), 2);
}

// A fiber that ends only when it is asked to stop.
struct UntilStopped {
  std::atomic<bool>* ended;
  void operator()(std::stop_token stop) const {
    EXPECT_EQ(umcg::Event().wait(stop), umcg::WaitStatus::kStopped);
    *ended = true;
  }
};

TEST_P(FiberHandle, MoveAssignmentStopsAndJoinsTheOldFiber) {
  umcg::Runtime rt(options());
  std::atomic<bool> ended{false};
  umcg::Fiber<> f = rt.spawn(UntilStopped{&ended});
  f = rt.spawn([] {});
  EXPECT_TRUE(ended);
  f.join();
}

TEST_P(FiberHandle, SelfMoveAssignmentIsHarmless) {
  umcg::Runtime rt(options());
  umcg::Fiber<int> f = rt.spawn([] { return 3; });
  umcg::Fiber<int>& alias = f;
  f = std::move(alias);
  EXPECT_EQ(f.join(), 3);
}

TEST_P(FiberHandle, DestructorStopsAndJoins) {
  umcg::Runtime rt(options());
  std::atomic<bool> ended{false};
  { auto f = rt.spawn(UntilStopped{&ended}); }
  EXPECT_TRUE(ended);
  rt.run([&] {  // the same inside a fiber, where it parks
    ended = false;
    { auto f = umcg::spawn(UntilStopped{&ended}); }
    EXPECT_TRUE(ended);
  });
}

TEST_P(FiberHandle, DetachLetsItRunOn) {
  umcg::Runtime rt(options());
  umcg::Event go;
  umcg::Event done;
  {
    auto f = rt.spawn([&] {
      go.wait();
      EXPECT_FALSE(umcg::this_fiber::get_stop_token().stop_requested());
      done.set();
    });
    f.detach();
    EXPECT_FALSE(f.joinable());
  }
  go.set();
  done.wait();
}

TEST_P(FiberHandle, DetachAfterTheEnd) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([] {});
  EXPECT_EQ(f.wait(), umcg::WaitStatus::kReady);
  f.detach();
}

TEST_P(FiberHandle, WaitEndsAtTheDeadline) {
  umcg::Runtime rt(options());
  umcg::Event go;
  auto f = rt.spawn([&] { go.wait(); });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(f.wait({}, 20ms), umcg::WaitStatus::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  EXPECT_EQ(rt.run([&] { return f.wait({}, 5ms); }), umcg::WaitStatus::kTimeout);
  EXPECT_EQ(f.wait({}, 0ms), umcg::WaitStatus::kTimeout);
  EXPECT_TRUE(f.joinable());
  go.set();
  EXPECT_EQ(f.wait({}, umcg_test::kLong), umcg::WaitStatus::kReady);
  EXPECT_EQ(f.wait({}, 0ms), umcg::WaitStatus::kReady) << "ready goes before timeout";
  f.join();
}

TEST_P(FiberHandle, WaitEndsWhenStopped) {
  umcg::Runtime rt(options());
  umcg::Event go;
  auto f = rt.spawn([&] { go.wait(); });
  std::stop_source source;
  auto waiter = rt.spawn([&] { return f.wait(source.get_token()); });
  source.request_stop();
  EXPECT_EQ(waiter.join(), umcg::WaitStatus::kStopped);
  EXPECT_EQ(f.wait(source.get_token()), umcg::WaitStatus::kStopped) << "from a thread";
  go.set();
  f.join();
}

TEST_P(FiberHandle, JoinFromAnotherFiberAndInAnyOrder) {
  umcg::Runtime rt(options());
  const int sum = rt.run([] {
    std::vector<umcg::Fiber<int>> fibers;
    for (int i = 0; i < 100; ++i) fibers.push_back(umcg::spawn([i] { return i; }));
    int total = 0;
    for (int i = 0; i < 100; i += 2) total += fibers[static_cast<std::size_t>(i)].join();
    for (int i = 99; i > 0; i -= 2) total += fibers[static_cast<std::size_t>(i)].join();
    return total;
  });
  EXPECT_EQ(sum, 4950);
}

TEST_P(FiberHandle, AFiberMayOutliveTheOneThatMadeIt) {
  umcg::Runtime rt(options());
  umcg::Event go;
  auto outer = rt.spawn([&] {
    return umcg::spawn([&] {
      go.wait();
      return 11;
    });
  });
  umcg::Fiber<int> inner = outer.join();
  go.set();
  EXPECT_EQ(inner.join(), 11);
}

UMCG_INSTANTIATE_MATRIX(FiberHandle);

}  // namespace
