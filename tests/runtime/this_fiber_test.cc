// SPDX-License-Identifier: Apache-2.0
// What a fiber can ask about itself, and what a plain thread is told.
#include "umcg/this_fiber.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/matrix.h"
#include "umcg/event.h"
#include "umcg/runtime.h"

namespace {

using ThisFiber = umcg_test::MatrixTest;

TEST(ThisFiberOnAThread, SaysThatItIsNone) {
  EXPECT_FALSE(umcg::this_fiber::in_fiber());
  EXPECT_EQ(umcg::this_fiber::get_id(), umcg::FiberId());
  EXPECT_EQ(umcg::this_fiber::get_name(), "");
  EXPECT_FALSE(umcg::this_fiber::get_stop_token().stop_possible());
  umcg::this_fiber::yield();
  const umcg::this_fiber::ThreadPin pin;
}

TEST_P(ThisFiber, InFiber) {
  umcg::Runtime rt(options());
  EXPECT_TRUE(rt.run([] { return umcg::this_fiber::in_fiber(); }));
  EXPECT_FALSE(umcg::this_fiber::in_fiber());
  const auto entered = rt.enter();
  EXPECT_FALSE(umcg::this_fiber::in_fiber()) << "an entered thread is still a thread";
}

TEST_P(ThisFiber, ThreadsStartedByAFiberAreThreads) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::thread([] {
      EXPECT_FALSE(umcg::this_fiber::in_fiber());
      EXPECT_EQ(umcg::Runtime::try_current(), nullptr);
    }).join();
  });
}

TEST_P(ThisFiber, NamesAreCopiedAndCutTo63Bytes) {
  umcg::Runtime rt(options());
  const auto name_of = [&](const std::string& name) {
    umcg::Event go;
    std::string passed = name;
    auto f = rt.spawn({.name = passed}, [&] {
      go.wait();
      return std::string(umcg::this_fiber::get_name());
    });
    passed.assign(passed.size(), '?');
    go.set();
    return f.join();
  };
  EXPECT_EQ(name_of("request 17"), "request 17");
  EXPECT_EQ(name_of(std::string(63, 'a')), std::string(63, 'a'));
  EXPECT_EQ(name_of(std::string(500, 'b')), std::string(63, 'b'));
  EXPECT_EQ(name_of(""), "");
}

TEST_P(ThisFiber, NamesAreNotInherited) {
  umcg::Runtime rt(options());
  auto f = rt.spawn({.name = "parent"}, [] {
    return umcg::spawn([] { return std::string(umcg::this_fiber::get_name()); }).join();
  });
  EXPECT_EQ(f.join(), "");
}

// On one server, two fibers that yield must take turns: neither may run away.
TEST(ThisFiberYield, LetsTheOthersRun) {
  umcg::RuntimeOptions options;
  options.servers = 1;
  // The vector has no lock: a fiber that is overtaken in it would run beside the next one.
  options.handoff = umcg::Handoff::kOff;
  umcg::Runtime rt(options);
  rt.run([] {
    std::vector<int> order;
    std::vector<umcg::Fiber<>> fibers;
    for (int who = 0; who < 3; ++who) {
      fibers.push_back(umcg::spawn([&order, who] {
        for (int k = 0; k < 100; ++k) {
          order.push_back(who);
          umcg::this_fiber::yield();
        }
      }));
    }
    for (auto& f : fibers) f.join();
    ASSERT_EQ(order.size(), 300U);
    int longest = 1;
    int run = 1;
    for (std::size_t i = 1; i < order.size(); ++i) {
      run = order[i] == order[i - 1] ? run + 1 : 1;
      longest = std::max(longest, run);
    }
    EXPECT_LE(longest, 2);
  });
}

// A fiber that polls with yield() must not keep from running what it polls for.
TEST_P(ThisFiber, YieldingPollerDoesNotStarveTheWriter) {
  umcg::Runtime rt(options());
  std::atomic<bool> flag{false};
  auto poller = rt.spawn([&] {
    while (!flag) umcg::this_fiber::yield();
  });
  auto writer = rt.spawn([&] { flag = true; });
  poller.join();
  writer.join();
}

TEST_P(ThisFiber, PollersDoNotStarveWorkFromOutside) {
  umcg::Runtime rt(options());
  std::atomic<bool> flag{false};
  std::vector<umcg::Fiber<>> pollers;
  for (int i = 0; i < 8; ++i) {
    pollers.push_back(rt.spawn([&] {
      while (!flag) umcg::this_fiber::yield();
    }));
  }
  rt.spawn([] {}).join();
  flag = true;
  for (auto& f : pollers) f.join();
}

UMCG_INSTANTIATE_MATRIX(ThisFiber);

}  // namespace
