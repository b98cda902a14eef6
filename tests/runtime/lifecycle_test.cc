// SPDX-License-Identifier: Apache-2.0
// A runtime's life: idle, stop, the end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/death.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "support/standard_error.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using Lifecycle = umcg_test::MatrixTest;

TEST_P(Lifecycle, StartsAndEndsManyTimes) {
  for (int i = 0; i < umcg_test::scaled(100); ++i) {
    umcg::Runtime rt(options());
    if (i % 2 == 0) {
      ASSERT_EQ(rt.run([i] { return i; }), i);
    }
  }
}

TEST_P(Lifecycle, MayEndWhileWhoWokeTheLastFiberIsStillInside) {
  umcg::RuntimeOptions hostile = options();
  hostile.chaos = true;
  for (int i = 0; i < umcg_test::scaled(100); ++i) {
    umcg::Event go;
    std::optional<umcg::Runtime> rt(std::in_place, hostile);
    rt->post([&] { go.wait(); });
    std::thread waker([&] { go.set(); });
    rt.reset();
    waker.join();
  }
}

TEST_P(Lifecycle, SeveralWaitForIdleAtOnce) {
  umcg::Runtime rt(options());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < umcg_test::scaled(5'000); ++i) {
        rt.post([] {});
        EXPECT_TRUE(rt.wait_idle());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Lifecycle, WaitIdle) {
  umcg::Runtime rt(options());
  EXPECT_TRUE(rt.wait_idle()) << "nothing was started";
  umcg::Event go;
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) {
    rt.post([&] {
      go.wait();
      umcg::post([&] { ++done; });  // work that makes work counts too
    });
  }
  EXPECT_FALSE(rt.wait_idle(5ms));
  EXPECT_FALSE(rt.wait_idle(0ms));
  go.set();
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  EXPECT_EQ(done, 10);
  EXPECT_EQ(rt.stats().fibers_live, 0U);
}

TEST_P(Lifecycle, WaitIdleFromAFiberOfAnotherRuntime) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  umcg::Event go;
  b.post([&] { go.wait(); });
  auto f = a.spawn([&] { return b.wait_idle(umcg_test::kLong); });
  go.set();
  EXPECT_TRUE(f.join());
}

TEST_P(Lifecycle, RequestStopReachesAllFibersOfNowAndLater) {
  umcg::Runtime rt(options());
  std::atomic<int> stopped{0};
  const auto until_stopped = [&](std::stop_token stop) {
    if (umcg::Event().wait(stop) == umcg::WaitStatus::kStopped) ++stopped;
  };
  for (int i = 0; i < 50; ++i) rt.post(until_stopped);
  std::vector<umcg::Fiber<>> held;
  for (int i = 0; i < 50; ++i) held.push_back(rt.spawn(until_stopped));
  // One whose stop state is asked for only by itself, deep inside.
  rt.post([&] { until_stopped(umcg::this_fiber::get_stop_token()); });
  EXPECT_TRUE(rt.request_stop());
  EXPECT_FALSE(rt.request_stop());
  rt.post(until_stopped);
  EXPECT_TRUE(rt.spawn([](std::stop_token stop) { return stop.stop_requested(); }).join());
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  EXPECT_EQ(stopped, 102);
}

TEST_P(Lifecycle, StopCallbacksRun) {
  umcg::Runtime rt(options());
  std::atomic<int> calls{0};
  umcg::Event registered;
  umcg::Event looked;  // not woken by the stop: a callback that is destroyed in time never runs
  auto f = rt.spawn([&](std::stop_token stop) {
    const std::stop_callback callback(stop, [&] { ++calls; });
    registered.set();
    looked.wait();
  });
  registered.wait();
  f.request_stop();
  EXPECT_EQ(calls, 1) << "they run inside request_stop()";
  looked.set();
  f.join();
}

TEST_P(Lifecycle, DestructorStopsAndWaits) {
  std::atomic<int> ended{0};
  {
    umcg::Runtime rt(options());
    for (int i = 0; i < 20; ++i) {
      rt.post([&](std::stop_token stop) {
        (void)umcg::Event().wait(stop);
        umcg::this_fiber::sleep_for(2ms);  // tidying up takes its time
        ++ended;
      });
    }
  }
  EXPECT_EQ(ended, 20);
}

TEST_P(Lifecycle, HandlesMayOutliveWhatTheyJoined) {
  umcg::Fiber<int> f;
  {
    umcg::Runtime rt(options());
    f = rt.spawn([] { return 1; });
    EXPECT_EQ(f.join(), 1);
  }
  EXPECT_FALSE(f.joinable());
}

TEST_P(Lifecycle, MadeAndDestroyedOnAFiberOfAnother) {
  umcg::Runtime outer(options());
  const int n = outer.run([] {
    umcg::Runtime inner({.servers = 1});
    return inner.run([] { return 9; });
  });
  EXPECT_EQ(n, 9);
}

TEST_P(Lifecycle, StatsAddUp) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 100; ++i) rt.post([] { umcg::this_fiber::yield(); });
  EXPECT_TRUE(rt.wait_idle());
  const umcg::Stats stats = rt.stats();
  EXPECT_EQ(stats.fibers_started, 100U);
  EXPECT_EQ(stats.fibers_finished, 100U);
  EXPECT_EQ(stats.servers, static_cast<unsigned>(GetParam().servers));
  EXPECT_GE(stats.workers_peak, 1U);
  EXPECT_NE(stats.to_string().find("fibers_started 100"), std::string::npos) << stats.to_string();
}

UMCG_INSTANTIATE_MATRIX(Lifecycle);

TEST(LifecycleOptions, OutOfRangeIsRefused) {
  const auto make = [](umcg::RuntimeOptions options) { const umcg::Runtime rt(options); };
  EXPECT_THROW(make({.servers = -1}), std::invalid_argument);
  EXPECT_THROW(make({.max_workers = -1}), std::invalid_argument);
  EXPECT_THROW(make({.stack_size = ~std::size_t{0}}), std::invalid_argument);
}

// The destructor runs after main(), when the tests are over; a crash then fails the whole binary.
std::optional<umcg::Runtime>& static_runtime() {
  static std::optional<umcg::Runtime> runtime;
  return runtime;
}
TEST(LifecycleStatic, ARuntimeMayBeStatic) {
  static_runtime().emplace(umcg::RuntimeOptions{.servers = 2});
  EXPECT_EQ(static_runtime()->run([] { return 4; }), 4);
}

// It waits for as long as it takes, but says for whom.
TEST(LifecycleStragglers, AreNamedAfterFiveSeconds) {
  umcg::Event named;
  std::string report;
  {
    const umcg_test::StandardError error;
    std::optional<umcg::Runtime> rt(std::in_place);
    rt->spawn({.name = "slowpoke"}, [&] { named.wait(); }).detach();
    std::thread watcher([&] {
      report = error.lines_to("slowpoke");
      named.set();
    });
    rt.reset();
    watcher.join();
  }
  EXPECT_NE(report.find("has waited 5 s"), std::string::npos) << report;
}

class LifecycleDeathTest : public umcg_test::DeathTest {};

TEST_F(LifecycleDeathTest, DestroyedOnItsOwnFiber) {
  EXPECT_DEATH(
      {
        auto rt = std::make_unique<umcg::Runtime>();
        auto f = rt->spawn({.name = "parricide"}, [&] { rt.reset(); });
        f.join();
      },
      "parricide.*own fiber");
}

TEST_F(LifecycleDeathTest, StopCallbackThatSuspends) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        auto f = rt.spawn([](std::stop_token stop) { (void)umcg::Event().wait(stop); });
        rt.run([&] {
          const std::stop_callback callback(f.get_stop_token(),
                                            [] { umcg::this_fiber::sleep_for(1ms); });
          f.request_stop();
        });
      },
      "umcg: fiber.*stop callback");
}

TEST_F(LifecycleDeathTest, WaitIdleOnItsOwnFiber) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([&] { rt.wait_idle(); });
      },
      "umcg: fiber");
}

}  // namespace
