// SPDX-License-Identifier: Apache-2.0
// Scope: children end before it does; exceptions, stops and deadlines reach the others.
#include "umcg/scope.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "support/death.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::Scope;
using umcg::WaitStatus;
using umcg_test::kLong;
using ScopeTest = umcg_test::MatrixTest;

// Waits for a stop of the fiber itself.
WaitStatus wait_for_stop() {
  return umcg::this_fiber::sleep_until(kLong, umcg::this_fiber::get_stop_token());
}

TEST_P(ScopeTest, ResultsOfAllKinds) {
  umcg::Runtime rt(options());
  rt.run([] {
    Scope scope;
    int n = 0;
    auto value = scope.spawn([](int x) { return x * x; }, 7);
    auto nothing = scope.spawn([&] { ++n; });
    auto reference = scope.spawn([&]() -> int& { return n; });
    auto move_only =
        scope.spawn([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(3));
    auto named = scope.spawn(umcg::SpawnOptions{.name = "child"},
                             [] { return std::string(umcg::this_fiber::get_name()); });
    EXPECT_EQ(value.get(), 49);
    nothing.get();
    EXPECT_EQ(&reference.get(), &n);
    EXPECT_EQ(*move_only.get(), 3);
    EXPECT_EQ(named.get(), "child");
    scope.join();
    EXPECT_EQ(n, 1);
  });
}

TEST_P(ScopeTest, AllChildrenEndBeforeIt) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::atomic<int> ended{0};
    {
      Scope scope;
      for (int i = 0; i < 100; ++i) {
        scope.spawn([&, i] {
          if (i % 3 == 0) umcg::this_fiber::sleep_for(100us);
          ++ended;
        });
      }
    }
    EXPECT_EQ(ended, 100);
  });
}

// What a child's function owns is destroyed before join() returns: it may refer to the block.
TEST_P(ScopeTest, ChildrensFunctionsAreGoneAtTheEnd) {
  umcg::Runtime rt(options());
  rt.run([] {
    for (int round = 0; round < umcg_test::scaled(200); ++round) {
      auto owned = std::make_shared<int>(0);
      Scope scope;
      for (int i = 0; i < 3; ++i) {
        scope.spawn([owned](std::shared_ptr<int> argument) { return argument != nullptr; }, owned);
      }
      scope.join();
      EXPECT_EQ(owned.use_count(), 1);
    }
  });
}

// So is a result that nobody wants any more.
TEST_P(ScopeTest, DroppedResultsAreGoneAtTheEnd) {
  struct Slow {
    std::atomic<int>* gone;
    explicit Slow(std::atomic<int>& count) : gone(&count) {}
    Slow(Slow&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
    ~Slow() {
      if (gone == nullptr) return;
      umcg::this_fiber::sleep_for(1ms);
      ++*gone;
    }
  };
  umcg::Runtime rt(options());
  rt.run([] {
    std::atomic<int> gone{0};
    Scope scope;
    for (int i = 0; i < 3; ++i) (void)scope.spawn([&] { return Slow(gone); });
    scope.join();
    EXPECT_EQ(gone, 3);
  });
}

TEST_P(ScopeTest, ChildrenMaySpawn) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::atomic<int> ended{0};
    Scope scope;
    for (int i = 0; i < 8; ++i) {
      scope.spawn([&] {
        for (int k = 0; k < 8; ++k) scope.spawn([&] { ++ended; });
      });
    }
    scope.join();
    EXPECT_EQ(ended, 64);
    scope.spawn([&] { ++ended; });  // and again
    scope.join();
    EXPECT_EQ(ended, 65);
  });
}

TEST_P(ScopeTest, TheFirstExceptionStopsTheOthersAndComesOutOfJoin) {
  umcg::Runtime rt(options());
  rt.run([] {
    Scope scope;
    std::vector<umcg::Future<WaitStatus>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(scope.spawn(wait_for_stop));
    auto failing = scope.spawn([]() -> int { throw std::runtime_error("first"); });
    try {
      scope.join();
      ADD_FAILURE();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "first");
    }
    for (auto& f : waiting) EXPECT_EQ(f.get(), WaitStatus::kStopped);
    EXPECT_THROW(failing.get(), std::runtime_error) << "the future has it too";
    scope.join();  // once
    auto late = scope.spawn(wait_for_stop);
    EXPECT_EQ(late.get(), WaitStatus::kStopped) << "who comes later finds the stop";
  });
  EXPECT_EQ(rt.stats().dropped_exceptions, 0u);
}

TEST_P(ScopeTest, AnExceptionThatNobodyFetchesIsCounted) {
  umcg::Runtime rt(options());
  rt.run([] {
    {
      Scope scope;
      scope.spawn([] { throw std::runtime_error("dropped"); });
    }
    {
      Scope scope;
      auto f = scope.spawn([] { throw std::runtime_error("fetched"); });
      EXPECT_THROW(f.get(), std::runtime_error);
    }
  });
  EXPECT_EQ(rt.stats().dropped_exceptions, 1u);
}

TEST_P(ScopeTest, DestructorStopsTheChildren) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::atomic<int> stopped{0};
    try {
      Scope scope;
      for (int i = 0; i < 5; ++i) {
        scope.spawn([&] { stopped += wait_for_stop() == WaitStatus::kStopped ? 1 : 0; });
      }
      throw 1;
    } catch (int) {
    }
    EXPECT_EQ(stopped, 5);
  });
}

TEST_P(ScopeTest, AChildsTokenIsTheScopes) {
  umcg::Runtime rt(options());
  rt.run([] {
    Scope scope;
    auto own = scope.spawn([] { return umcg::this_fiber::get_stop_token(); });
    auto given = scope.spawn([](std::stop_token stop, int) { return stop; }, 1);
    EXPECT_EQ(own.get(), scope.get_stop_token());
    EXPECT_EQ(given.get(), scope.get_stop_token());
    EXPECT_TRUE(scope.request_stop());
    EXPECT_FALSE(scope.request_stop());
    EXPECT_TRUE(scope.get_stop_token().stop_requested());
  });
}

TEST_P(ScopeTest, TheOwnersStopIsPassedDown) {
  umcg::Runtime rt(options());
  umcg::Event ready;
  auto owner = rt.spawn([&] {
    Scope outer;
    auto child = outer.spawn([&] {
      Scope inner;
      auto grandchild = inner.spawn([&] {
        ready.set();
        return wait_for_stop();
      });
      return grandchild.get();
    });
    return child.get();
  });
  ready.wait();
  owner.request_stop();
  EXPECT_EQ(owner.join(), WaitStatus::kStopped);
}

TEST_P(ScopeTest, AnotherParent) {
  umcg::Runtime rt(options());
  std::stop_source source;
  auto owner = rt.spawn([&] {
    Scope scope({}, source.get_token());
    return scope.spawn(wait_for_stop).get();
  });
  source.request_stop();
  EXPECT_EQ(owner.join(), WaitStatus::kStopped);
  rt.run([&] {
    Scope scope({}, source.get_token());
    EXPECT_TRUE(scope.get_stop_token().stop_requested()) << "asked already";
  });
}

TEST_P(ScopeTest, TheDeadlineStopsTheChildren) {
  umcg::Runtime rt(options());
  rt.run([] {
    const auto start = std::chrono::steady_clock::now();
    Scope scope(3ms);
    auto f = scope.spawn(wait_for_stop);
    scope.join();
    EXPECT_EQ(f.get(), WaitStatus::kStopped);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);
    Scope late(std::chrono::steady_clock::now() - 1s);
    EXPECT_EQ(late.spawn(wait_for_stop).get(), WaitStatus::kStopped);
    Scope early(kLong);
    early.spawn([] {});
  });
}

TEST_P(ScopeTest, WaitIsInterruptible) {
  umcg::Runtime rt(options());
  rt.run([] {
    Scope scope;
    umcg::Event go;
    scope.spawn([&] {
      go.wait();
      throw 1;
    });
    std::stop_source source;
    EXPECT_EQ(scope.wait({}, 1ms), WaitStatus::kTimeout);
    auto stopper = umcg::spawn([&] { source.request_stop(); });
    EXPECT_EQ(scope.wait(source.get_token()), WaitStatus::kStopped);
    stopper.join();
    go.set();
    EXPECT_EQ(scope.wait(), WaitStatus::kReady);
    EXPECT_THROW(scope.join(), int);
  });
}

TEST_P(ScopeTest, OnAThreadThatHasEntered) {
  umcg::Runtime rt(options());
  auto e = rt.enter();
  Scope scope(kLong);
  auto f = scope.spawn(wait_for_stop);
  auto g = scope.spawn([] { return umcg::this_fiber::in_fiber(); });
  EXPECT_TRUE(g.get());
  scope.request_stop();
  scope.join();
  EXPECT_EQ(f.get(), WaitStatus::kStopped);
}

// A scope of a thread has no parent fiber; its children are the runtime's all the same.
TEST_P(ScopeTest, TheRuntimesStopReachesChildren) {
  umcg::Runtime rt(options());
  auto e = rt.enter();
  Scope scope;
  umcg::Event ready;
  auto f = scope.spawn([&] {
    const std::stop_token stop = umcg::this_fiber::get_stop_token();
    ready.set();
    return umcg::this_fiber::sleep_until(kLong, stop);
  });
  ready.wait();
  rt.request_stop();
  EXPECT_EQ(f.get(), WaitStatus::kStopped);
  EXPECT_EQ(scope.spawn(wait_for_stop).get(), WaitStatus::kStopped);
}

// Failures, stops and deadlines of many scopes at once.
TEST_P(ScopeTest, Stress) {
  umcg::Runtime rt(options());
  std::atomic<int> live{0};
  rt.run([&] {
    std::vector<umcg::Fiber<>> owners;
    for (int i = 0; i < 4; ++i) {
      owners.push_back(umcg::spawn([&live, i] {
        for (int round = 0; round < umcg_test::scaled(150); ++round) {
          int failed = 0;
          int alive_after = 0;
          std::atomic<int> mine{0};
          try {
            Scope scope(round % 3 == 0 ? umcg::Deadline(std::chrono::microseconds(round))
                                       : umcg::Deadline());
            for (int k = 0; k < 6; ++k) {
              scope.spawn([&, k] {
                ++mine;
                ++live;
                (void)umcg::this_fiber::sleep_until(k * 20us, umcg::this_fiber::get_stop_token());
                --live;
                --mine;
                if (k == i) throw k;
              });
            }
            if (round % 4 == 0) scope.request_stop();
            if (round % 5 != 0) scope.join();
          } catch (int k) {
            failed = k + 1;
          }
          alive_after = mine;
          EXPECT_EQ(alive_after, 0);
          EXPECT_EQ(failed, round % 5 != 0 ? i + 1 : 0);
        }
      }));
    }
    for (auto& f : owners) f.join();
  });
  EXPECT_EQ(live, 0);
}

UMCG_INSTANTIATE_MATRIX(ScopeTest);

using ScopeDeathTest = umcg_test::DeathTest;

TEST_F(ScopeDeathTest, JoinByAChild) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] {
          Scope scope;
          scope.spawn(umcg::SpawnOptions{.name = "tail-biter"}, [&] { scope.join(); });
          scope.join();
        });
      },
      "\"tail-biter\": Scope::join\\(\\) by one of its own children");
}

TEST_F(ScopeDeathTest, WhereThereIsNoRuntime) {
  EXPECT_DEATH({ Scope scope; }, "where there is no runtime");
}

TEST_F(ScopeDeathTest, StopCallbackThatSuspends) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] {
          Scope scope;
          std::stop_callback suspends(scope.get_stop_token(),
                                      [] { umcg::this_fiber::sleep_for(1ms); });
          scope.request_stop();
        });
      },
      "a stop callback must not suspend");
}

}  // namespace
