// SPDX-License-Identifier: Apache-2.0
// Where a fiber's exception goes: to join(), or nowhere at the price of the process.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "support/death.h"
#include "support/matrix.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using LaunchExceptions = umcg_test::MatrixTest;

TEST_P(LaunchExceptions, TravelToJoin) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([]() -> int { throw std::runtime_error("disk on fire"); });
  try {
    f.join();
    FAIL() << "join() did not throw";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "disk on fire");
  }
  EXPECT_FALSE(f.joinable());
}

TEST_P(LaunchExceptions, OfAnyType) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([] { throw 17; });
  try {
    f.join();
    FAIL() << "join() did not throw";
  } catch (int n) {
    EXPECT_EQ(n, 17);
  }
}

TEST_P(LaunchExceptions, ThroughSeveralFibers) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([] {
    auto inner = umcg::spawn([] { umcg::spawn([] { throw std::logic_error("deep"); }).join(); });
    inner.join();
  });
  EXPECT_THROW(f.join(), std::logic_error);
}

TEST_P(LaunchExceptions, ThroughRun) {
  umcg::Runtime rt(options());
  EXPECT_THROW(rt.run([] { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_EQ(rt.run([] { return 1; }), 1);
}

TEST_P(LaunchExceptions, AfterTheFiberWasParked) {
  umcg::Runtime rt(options());
  umcg::Event go;
  auto f = rt.spawn([&] {
    go.wait();
    throw std::runtime_error("late");
  });
  go.set();
  EXPECT_EQ(f.wait(), umcg::WaitStatus::kReady) << "wait() hands out nothing";
  EXPECT_TRUE(f.joinable());
  EXPECT_THROW(f.join(), std::runtime_error);
}

TEST_P(LaunchExceptions, AreDroppedAndCountedByTheDestructor) {
  umcg::Runtime rt(options());
  const auto before = rt.stats().dropped_exceptions;
  {
    auto f = rt.spawn([] { throw std::runtime_error("dropped"); });
    (void)f.wait();
  }
  EXPECT_EQ(rt.stats().dropped_exceptions, before + 1);
}

TEST_P(LaunchExceptions, CaughtInsideStayInside) {
  umcg::Runtime rt(options());
  rt.post([] {
    try {
      throw std::runtime_error("mine");
    } catch (const std::exception&) {
      umcg::this_fiber::yield();
    }
  });
  EXPECT_TRUE(rt.wait_idle());
}

UMCG_INSTANTIATE_MATRIX(LaunchExceptions);

class LaunchExceptionsDeathTest : public umcg_test::DeathTest {};

TEST_F(LaunchExceptionsDeathTest, PostedFiberTerminatesByName) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] {
          umcg::post([] { throw std::runtime_error("no one listens"); });
          umcg::Event().wait();
        });
      },
      "no one listens");
}

TEST_F(LaunchExceptionsDeathTest, DetachedFiberTerminatesByName) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::Event go;
        auto f = rt.spawn({.name = "orphan"}, [&] {
          go.wait();
          throw std::runtime_error("no one listens");
        });
        f.detach();
        go.set();
        rt.wait_idle();
      },
      "orphan.*no one listens");
}

TEST_F(LaunchExceptionsDeathTest, NotAStdException) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.post([] { throw 42; });
        rt.wait_idle();
      },
      "umcg: fiber");
}

}  // namespace
