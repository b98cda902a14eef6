// SPDX-License-Identifier: Apache-2.0
// Every operation that can block (operations.h), through the one overload (std::stop_token,
// Deadline) and the timed forms that std has: what it says before, during and after the wait, and
// what it says when a stop, a deadline and the completion come together.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "sync/operations.h"
#include "umcg/event.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;
using umcg::Deadline;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;
using umcg_test::Operation;
using umcg_test::OperationKind;

class CancellationTest
    : public ::testing::TestWithParam<std::tuple<OperationKind, umcg_test::CrewCase>> {
 protected:
  static std::unique_ptr<Operation> make() { return std::get<0>(GetParam()).make(); }
  static umcg_test::CrewCase crew() { return std::get<1>(GetParam()); }
};

TEST_P(CancellationTest, RefusesEarly) {
  Crew c(crew());
  auto op = make();
  c.start([&] {
    std::stop_source asked;
    asked.request_stop();
    EXPECT_EQ(op->wait({}, 0s), WaitStatus::kTimeout);
    EXPECT_EQ(op->wait({}, -1s), WaitStatus::kTimeout);
    EXPECT_EQ(op->wait(asked.get_token(), kLong), WaitStatus::kStopped);
    EXPECT_EQ(op->wait(asked.get_token(), {}), WaitStatus::kStopped);
    EXPECT_EQ(op->wait(asked.get_token(), 0s), WaitStatus::kTimeout)
        << "the deadline is told first";
  });
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

TEST_P(CancellationTest, ReadyComesBeforeDeadlineAndStop) {
  Crew c(crew());
  auto op = make();
  op->complete();
  c.start([&] {
    std::stop_source asked;
    asked.request_stop();
    while (op->wait({}, 1ms) != WaitStatus::kReady) {  // an end comes after what brings it about
    }
    if (op->takes()) op->complete();
    EXPECT_EQ(op->wait(asked.get_token(), 0s), WaitStatus::kReady);
  });
  c.join();
}

TEST_P(CancellationTest, TimesOutNotEarly) {
  Crew c(crew());
  auto op = make();
  c.start([&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(op->wait({}, 2ms), WaitStatus::kTimeout);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
    std::stop_source never;
    EXPECT_EQ(op->wait(never.get_token(), 1ms), WaitStatus::kTimeout);
  });
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

TEST_P(CancellationTest, TimedFormsOfStd) {
  Crew c(crew());
  auto op = make();
  if (!op->wait_for(0s).has_value()) return op->complete();
  for (int i = 0; i < 2; ++i) {
    c.start([&] {
      EXPECT_EQ(op->wait_for(0s), false);
      EXPECT_EQ(op->wait_for(-1s), false);
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(op->wait_until(start), false);
      EXPECT_EQ(op->wait_until(start - 1h), false);
      EXPECT_EQ(op->wait_for(2ms), false);
      EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
      EXPECT_EQ(op->wait_until(start + 4ms), false);
      EXPECT_GE(std::chrono::steady_clock::now() - start, 4ms);
    });
  }
  c.join();
  std::atomic<int> started{0};
  c.start([&] {
    ++started;
    EXPECT_EQ(op->wait_for(kLong), true);
    if (op->takes()) op->complete();
    EXPECT_EQ(op->wait_until(std::chrono::steady_clock::now() + kLong), true);
    if (op->takes()) op->complete();
    EXPECT_EQ(op->wait_for(0s), true);
  });
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 1; }));
  op->complete();
  c.join();
}

TEST_P(CancellationTest, StopEndsTheWait) {
  Crew c(crew());
  auto op = make();
  std::stop_source source;
  std::atomic<int> started{0};
  for (Deadline d : {Deadline(), Deadline(kLong)}) {
    c.start([&, d] {
      ++started;
      EXPECT_EQ(op->wait(source.get_token(), d), WaitStatus::kStopped);
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 2; }));
  source.request_stop();
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

// Completion, stop and deadline at about the same moment: the wait says what it got, and what it
// did not take is there.
TEST_P(CancellationTest, AllAtOnce) {
  Crew c(crew());
  struct Round {
    std::unique_ptr<Operation> op;
    std::stop_source source;
    umcg::WaitGroup over{3};
    WaitStatus status = WaitStatus::kClosed;
  };
  std::vector<std::unique_ptr<Round>> rounds;
  for (int i = 0; i < umcg_test::scaled(100); ++i) {
    rounds.push_back(std::make_unique<Round>());
    rounds.back()->op = make();
  }
  const auto each = [&](unsigned seed, auto act) {
    c.start([&rounds, seed, act] {
      std::mt19937 random(seed);
      for (auto& r : rounds) {
        act(*r, std::chrono::microseconds(random() % 30));
        r->over.done();
        r->over.wait();
      }
    });
  };
  each(1, [](Round& r, auto d) { r.status = r.op->wait(r.source.get_token(), d); });
  each(2, [](Round& r, auto d) {
    umcg::this_fiber::sleep_for(d);
    r.op->complete();
  });
  each(3, [](Round& r, auto d) {
    umcg::this_fiber::sleep_for(d);
    r.source.request_stop();
  });
  c.join();
  for (auto& r : rounds) {
    EXPECT_NE(r->status, WaitStatus::kClosed);
    if (r->status != WaitStatus::kReady) {
      EXPECT_TRUE(r->op->is_there());
    }
  }
}

std::vector<umcg_test::CrewCase> few_crews() {
  using umcg_test::Mix;
  return {{Mix::kThreads, 1, umcg::Handoff::kAuto},
          {Mix::kFibers, 1, umcg::Handoff::kAuto},
          {Mix::kFibersAndThreads, 2, umcg::Handoff::kChaos},
          {Mix::kTwoRuntimes, 2, umcg::Handoff::kChaos}};
}

INSTANTIATE_TEST_SUITE_P(Operations, CancellationTest,
                         ::testing::Combine(::testing::ValuesIn(umcg_test::kOperations),
                                            ::testing::ValuesIn(few_crews())),
                         [](const auto& param) {
                           return std::get<0>(param.param).name + std::string("_") +
                                  umcg_test::crew_name({std::get<1>(param.param), param.index});
                         });

// The std forms are not interrupted: they have no token to be asked by.
TEST(Cancellation, StdFormsAreNotInterrupted) {
  umcg::Runtime rt({.servers = 2});
  umcg::Event started;
  umcg::Event go;
  auto f = rt.spawn([&] {
    started.set();
    go.wait();
    umcg::this_fiber::sleep_for(1ms);
    return umcg::this_fiber::get_stop_token().stop_requested();
  });
  started.wait();
  f.request_stop();
  EXPECT_EQ(f.wait({}, 5ms), WaitStatus::kTimeout);
  go.set();
  EXPECT_TRUE(f.join());
}

}  // namespace
