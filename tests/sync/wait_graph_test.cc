// SPDX-License-Identifier: Apache-2.0
// Deadlocks are reported, with names, and nothing else is. All waits here can be stopped, so that
// the tests end.
#include "runtime/waiting/wait_graph.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <initializer_list>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runtime/runtime_core.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/latch.h"
#include "umcg/mutex.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;
using umcg::WaitStatus;
using WaitGraphTest = umcg_test::MatrixTest;

// Asks until there are that many deadlocks; returns what was printed then.
std::string report(umcg::Runtime& rt, std::size_t expected) {
  std::string text;
  EXPECT_TRUE(umcg_test::eventually([&] {
    CaptureStderr();
    const std::size_t found = rt.report_deadlocks();
    text = GetCapturedStderr();
    return found == expected;
  }));
  return text;
}

void expect_in(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

// The first one to be stopped lets another one go on, which may then get what it waits for.
void lock_if_not_stopped(auto& mutex, const std::stop_source& stop, umcg::Deadline deadline = {}) {
  if (mutex.lock(stop.get_token(), deadline) == WaitStatus::kReady) mutex.unlock();
}

TEST_P(WaitGraphTest, TwoFibersTwoMutexes) {
  umcg::Runtime rt(options());
  umcg::Mutex a;
  umcg::RecursiveMutex b;
  umcg::Latch both(2);
  std::stop_source stop;
  auto one = rt.spawn({.name = "one"}, [&] {
    const std::scoped_lock lock(a);
    both.arrive_and_wait();
    lock_if_not_stopped(b, stop);
  });
  auto two = rt.spawn({.name = "two"}, [&] {
    const std::scoped_lock lock(b);
    both.arrive_and_wait();
    lock_if_not_stopped(a, stop);
  });
  // Leads to the circle, is none.
  auto three = rt.spawn({.name = "three"}, [&] { lock_if_not_stopped(a, stop); });
  const std::string text = report(rt, 1);
  expect_in(text, {"deadlock of 2:", "\"one\" waits for the mutex", "\"two\" waits for the mutex",
                   "\"one\" has", "\"two\" has"});
  EXPECT_EQ(text.find("three"), std::string::npos);
  stop.request_stop();
  one.join();
  two.join();
  three.join();
  EXPECT_EQ(rt.report_deadlocks(), 0u);
}

TEST_P(WaitGraphTest, AThreadAJoinAndASharedMutex) {
  umcg::Runtime rt(options());
  umcg::Mutex mutex;
  umcg::SharedMutex shared;
  umcg::Latch ready(2);
  std::stop_source stop;
  auto joined = rt.spawn({.name = "joined"}, [&] {
    ready.wait();
    lock_if_not_stopped(mutex, stop);
  });
  auto joiner = rt.spawn({.name = "joiner"}, [&] {
    const std::scoped_lock lock(shared);
    ready.count_down();
    (void)joined.wait(stop.get_token());
  });
  std::thread thread([&] {
    const std::scoped_lock lock(mutex);
    ready.count_down();
    ready.wait();
    if (shared.lock_shared(stop.get_token()) == WaitStatus::kReady) shared.unlock_shared();
  });
  expect_in(report(rt, 1), {"deadlock of 3:", "\"joiner\" waits for the end of fiber",
                            "\"joined\" waits for the mutex", "waits for the shared mutex"});
  stop.request_stop();
  thread.join();
  joiner.join();
  joined.join();
}

// Two that wait for each other until they are stopped.
struct Pair {
  umcg::Mutex mutexes[2];
  umcg::Latch both{2};
  void take(std::size_t mine, const std::stop_source& stop) {
    const std::scoped_lock lock(mutexes[mine]);
    both.arrive_and_wait();
    lock_if_not_stopped(mutexes[1 - mine], stop);
  }
};

TEST_P(WaitGraphTest, SeveralAtOnce) {
  umcg::Runtime rt(options());
  Pair pairs[5];
  std::stop_source stop;
  std::vector<umcg::Fiber<>> fibers;
  for (Pair& pair : pairs) {
    for (std::size_t i : {0u, 1u}) fibers.push_back(rt.spawn([&, i] { pair.take(i, stop); }));
  }
  expect_in(report(rt, 5), {"deadlock of 2:"});
  stop.request_stop();
  for (auto& f : fibers) f.join();
}

TEST_P(WaitGraphTest, OnceFlags) {
  umcg::Runtime rt(options());
  umcg::OnceFlag flag;
  umcg::Mutex mutex;
  umcg::Latch ready(2);
  std::stop_source stop;
  auto runner = rt.spawn({.name = "runner"}, [&] {
    umcg::call_once(flag, [&] {
      ready.arrive_and_wait();
      lock_if_not_stopped(mutex, stop);
    });
  });
  auto holder = rt.spawn({.name = "holder"}, [&] {
    const std::scoped_lock lock(mutex);
    ready.arrive_and_wait();
    umcg::call_once(flag, [] {});
  });
  expect_in(report(rt, 1), {"\"holder\" waits for the once flag", "which fiber", "\"runner\" has"});
  stop.request_stop();
  runner.join();
  holder.join();
}

// Waits that end by themselves, or have no owner, or lead nowhere.
TEST_P(WaitGraphTest, WhatIsNoDeadlock) {
  umcg::Runtime rt(options());
  umcg::Mutex a;
  umcg::Mutex b;
  umcg::SharedMutex shared;
  umcg::Semaphore never(0);
  umcg::Latch locked(2);
  std::stop_source stop;
  const auto token = stop.get_token();
  std::vector<umcg::Fiber<>> fibers;
  fibers.push_back(rt.spawn([&] {
    const std::scoped_lock lock(a);
    locked.arrive_and_wait();
    lock_if_not_stopped(b, stop, umcg_test::kLong);  // has a deadline
  }));
  fibers.push_back(rt.spawn([&] {
    const std::scoped_lock lock(b);
    locked.arrive_and_wait();
    lock_if_not_stopped(a, stop);
  }));
  fibers.push_back(rt.spawn([&] {
    const std::shared_lock lock(shared);
    (void)never.acquire(token);
  }));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(rt.report_deadlocks(), 0u);
    umcg::this_fiber::sleep_for(100us);
  }
  stop.request_stop();
  for (auto& f : fibers) f.join();
}

// Objects come and go, owners change, while somebody looks all the time.
TEST_P(WaitGraphTest, NoFalseReportWhileAllIsInMotion) {
  umcg::Runtime rt(options());
  std::atomic<bool> over{false};
  umcg::Mutex outer[3];
  std::vector<umcg::Fiber<>> fibers;
  for (std::size_t i = 0; i < 6; ++i) {
    fibers.push_back(rt.spawn([&, i] {
      for (std::size_t k = i; !over; ++k) {
        const std::scoped_lock two(outer[k % 3], outer[(k + 1) % 3]);
        umcg::Mutex inner;  // gone in a moment
        inner.lock();
        umcg::Fiber<> child = umcg::spawn([&] { const std::scoped_lock lock(inner); });
        umcg::this_fiber::yield();
        inner.unlock();
        child.join();
      }
    }));
  }
  for (int i = 0; i < umcg_test::scaled(2000); ++i) EXPECT_EQ(rt.report_deadlocks(), 0u);
  over = true;
  for (auto& f : fibers) f.join();
}

TEST_P(WaitGraphTest, ByItselfOnceWhenAllIsAsleep) {
  umcg::Runtime rt(options());
  auto& core = umcg::internal::RuntimeCore::of(rt);
  Pair pair;
  std::stop_source stop;
  CaptureStderr();
  std::thread waiting([&] {
    rt.run([&] {
      umcg::Fiber<> one = umcg::spawn([&] { pair.take(0, stop); });
      pair.take(1, stop);
      one.join();
    });
  });
  // The monitor alone looks: two at once might both report.
  EXPECT_TRUE(umcg_test::eventually([&] { return core.has_reported_deadlock(); }));
  for (int i = 0; i < 10; ++i) umcg::internal::report_deadlocks_if_stuck(core);
  stop.request_stop();
  waiting.join();
  const std::string text = GetCapturedStderr();
  expect_in(text, {"deadlock of 2:"});
  EXPECT_EQ(text.find("deadlock"), text.rfind("deadlock")) << "once";
}

// Nothing is queued for long while a fiber computes, so the monitor sleeps before all is asleep.
TEST_P(WaitGraphTest, ByItselfWhenTheLastServerGoesToSleepLate) {
  umcg::Runtime rt(options());
  auto& core = umcg::internal::RuntimeCore::of(rt);
  Pair pair;
  std::stop_source stop;
  std::atomic<bool> go_on{false};
  auto one = rt.spawn([&] { pair.take(0, stop); });
  auto two = rt.spawn([&] { pair.take(1, stop); });
  report(rt, 1);
  auto last = rt.spawn([&] {
    while (!go_on) asm volatile("");
  });
  CaptureStderr();
  std::thread waiting([&] { one.join(); });  // none of the kind is reported before a thread waits
  EXPECT_TRUE(umcg_test::eventually([&] { return core.idle().monitor_sleeps(); }));
  go_on = true;
  EXPECT_TRUE(umcg_test::eventually([&] { return core.has_reported_deadlock(); }));
  stop.request_stop();
  waiting.join();
  two.join();
  last.join();
  expect_in(GetCapturedStderr(), {"deadlock of 2:"});
}

TEST_P(WaitGraphTest, NothingByItselfWhileATimerIsArmed) {
  umcg::Runtime rt(options());
  auto& core = umcg::internal::RuntimeCore::of(rt);
  Pair pair;
  std::stop_source stop;
  auto one = rt.spawn([&] { pair.take(0, stop); });
  auto two = rt.spawn([&] { pair.take(1, stop); });
  auto sleeper =
      rt.spawn([&] { (void)umcg::this_fiber::sleep_until(umcg_test::kLong, stop.get_token()); });
  ASSERT_TRUE(umcg_test::eventually([&] { return core.earliest_deadline() != INT64_MAX; }));
  report(rt, 1);
  std::thread waiting([&] { one.join(); });
  for (int i = 0; i < 20; ++i) {
    umcg::internal::report_deadlocks_if_stuck(core);
    EXPECT_FALSE(core.has_reported_deadlock());
    umcg::this_fiber::sleep_for(100us);
  }
  stop.request_stop();
  waiting.join();
  two.join();
  sleeper.join();
}

UMCG_INSTANTIATE_MATRIX(WaitGraphTest);

}  // namespace
