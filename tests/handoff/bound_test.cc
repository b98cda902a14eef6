// SPDX-License-Identifier: Apache-2.0
// Bound fibers: one OS thread for life, and never more threads at work than there are servers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "support/matrix.h"
#include "support/pipe.h"
#include "umcg/blocking.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;

constexpr umcg::SpawnOptions kBound{.name = "bound", .bound = true};

thread_local int t_mine = 0;
[[gnu::noinline]] int& mine() {
  asm volatile("" ::: "memory");
  return t_mine;
}

class Bound : public umcg_test::MatrixTest {};
UMCG_INSTANTIATE_MATRIX(Bound);

TEST_P(Bound, ReturnsAndThrows) {
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.spawn(kBound, [] { return 7; }).join(), 7);
  auto thrower = rt.spawn(kBound, []() -> int { throw 3; });
  EXPECT_THROW(thrower.join(), int);
}

TEST_P(Bound, KeepsItsThreadOverEverything) {
  umcg::Runtime rt(options());
  umcg::Semaphore there(0);
  umcg::Semaphore back(0);
  auto other = rt.spawn([&] {
    for (int i = 0; i < 100; ++i) {
      there.acquire();
      umcg::this_fiber::yield();
      back.release();
    }
  });
  auto bound = rt.spawn(kBound, [&] {
    const pid_t thread = ::gettid();
    mine() = 1;
    for (int i = 0; i < 100; ++i) {
      there.release();
      umcg::this_fiber::yield();
      back.acquire();
      umcg::this_fiber::sleep_for(10us);
      umcg::blocking([] { ::usleep(20); });
      ::usleep(20);
      if (::gettid() != thread || mine() != 1) return false;
    }
    return true;
  });
  EXPECT_TRUE(bound.join());
  other.join();
}

TEST_P(Bound, ManyTakeTurns) {
  umcg::Runtime rt(options());
  umcg::Mutex m;
  int count = 0;
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 16; ++i) {
    umcg::SpawnOptions options;
    options.bound = i % 2 == 0;
    fibers.push_back(rt.spawn(options, [&] {
      for (int k = 0; k < 50; ++k) {
        std::lock_guard lock(m);
        umcg::this_fiber::yield();
        ++count;
      }
    }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(count, 16 * 50);
}

TEST_P(Bound, KeepsARecursiveStdMutexOverAPark) {
  umcg::Runtime rt(options());
  std::recursive_mutex m;
  auto holder = rt.spawn(kBound, [&] {
    std::lock_guard outer(m);
    umcg::this_fiber::sleep_for(1ms);
    std::lock_guard inner(m);
  });
  holder.join();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(BoundFibers, OneAfterTheOtherShareThreads) {
  umcg::Runtime rt({.servers = 1});
  for (int i = 0; i < 100; ++i) {
    auto f = rt.spawn(kBound, [] { umcg::this_fiber::yield(); });
    f.join();
  }
  EXPECT_LT(rt.stats().workers_peak, 10U);
}

// The threads that earlier bound fibers have left behind are at work for others by then.
TEST(BoundFibers, AreNotBoundByMaxWorkers) {
  umcg::Runtime rt({.servers = 1, .max_workers = 1});
  std::vector<umcg::Fiber<>> first;
  umcg::Semaphore go(0);
  for (int i = 0; i < 4; ++i) first.push_back(rt.spawn(kBound, [&] { go.acquire(); }));
  go.release(4);
  for (auto& f : first) f.join();
  const std::vector<umcg_test::Pipe> pipes(4);
  std::vector<umcg::Fiber<>> blocked;
  for (const auto& pipe : pipes) {
    blocked.push_back(rt.spawn([&] { umcg::blocking_now([&] { (void)pipe.read(); }); }));
  }
  while (rt.stats().handoffs_hint < 3) std::this_thread::sleep_for(1ms);
  std::vector<umcg::Fiber<>> second;
  for (int i = 0; i < 4; ++i) EXPECT_NO_THROW(second.push_back(rt.spawn(kBound, [] {})));
  for (const auto& pipe : pipes) pipe.write(1);
}

TEST(BoundFibers, NeverMoreAtWorkThanServers) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  std::atomic<int> at_work{0};
  std::atomic<bool> together{false};
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 8; ++i) {
    fibers.push_back(rt.spawn(kBound, [&] {
      for (int k = 0; k < 200; ++k) {
        if (at_work.fetch_add(1) != 0) together = true;
        for (int spin = 0; spin < 100; ++spin) asm volatile("");
        at_work.fetch_sub(1);
        umcg::this_fiber::yield();
      }
    }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_FALSE(together);
}

}  // namespace
