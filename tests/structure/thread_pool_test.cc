// SPDX-License-Identifier: Apache-2.0
// ThreadPool: results, order, the limit, who may submit, and that blocked tasks use nothing up.
#include "umcg/thread_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
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
using umcg::ThreadPool;
using umcg::WaitStatus;
using ThreadPoolTest = umcg_test::MatrixTest;

TEST_P(ThreadPoolTest, ResultsOfAllKinds) {
  umcg::Runtime rt(options());
  ThreadPool pool(rt);
  int n = 0;
  EXPECT_EQ(pool.submit([](int a, int b) { return a + b; }, 3, 4).get(), 7);
  EXPECT_EQ(*pool.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(5)).get(),
            5);
  EXPECT_EQ(&pool.submit([&]() -> int& { return n; }).get(), &n);
  pool.submit([&] { ++n; }).get();
  EXPECT_EQ(n, 1);
  EXPECT_THROW(pool.submit([] { throw std::runtime_error("x"); }).get(), std::runtime_error);
  EXPECT_FALSE(pool.submit([](std::stop_token stop) { return stop.stop_requested(); }).get());
  std::atomic<int> posted{0};
  pool.post([&](int k) { return posted += k; }, 2);  // a result is dropped
  pool.post([&] { ++posted; });
  pool.wait();
  EXPECT_EQ(posted, 3);
}

TEST_P(ThreadPoolTest, DestructorRunsWhatIsQueued) {
  umcg::Runtime rt(options());
  std::atomic<int> ran{0};
  auto owned = std::make_shared<int>(0);
  {
    ThreadPool pool(rt, {.max_in_flight = 2});
    for (int i = 0; i < 100; ++i) {
      pool.post([&ran, owned] {
        umcg::this_fiber::yield();
        ++ran;
      });
    }
  }
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(owned.use_count(), 1) << "functions are destroyed before the pool is";
}

TEST_P(ThreadPoolTest, NeverMoreThanTheLimit) {
  umcg::Runtime rt(options());
  for (std::size_t limit : {1u, 3u}) {
    ThreadPool pool(rt, {.max_in_flight = limit});
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    const int tasks = umcg_test::scaled(300);
    std::atomic<int> ran{0};
    for (int i = 0; i < tasks; ++i) {
      pool.post([&, i] {
        const int now = ++running;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        if (i % 3 == 0) umcg::this_fiber::sleep_for(20us);
        if (i % 3 == 1) ::usleep(20);
        --running;
        ++ran;
      });
    }
    pool.wait();
    EXPECT_EQ(ran, tasks);
    EXPECT_LE(most, static_cast<int>(limit));
  }
}

TEST_P(ThreadPoolTest, OneInFlightIsAQueue) {
  umcg::Runtime rt(options());
  ThreadPool pool(rt, {.max_in_flight = 1});
  std::vector<int> order;  // no lock: one after another
  const int tasks = umcg_test::scaled(1000);
  for (int i = 0; i < tasks; ++i) {
    pool.post([&, i] {
      if (i % 50 == 0) umcg::this_fiber::yield();
      order.push_back(i);
    });
  }
  pool.wait();
  EXPECT_EQ(order.size(), static_cast<std::size_t>(tasks));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(ThreadPoolTest, WaitingTasksHaveNoStack) {
  umcg::Runtime rt(options());
  ThreadPool pool(rt, {.max_in_flight = 1});
  umcg::Event go;
  pool.post([&] { go.wait(); });
  for (int i = 0; i < 5000; ++i) pool.post([] {});
  EXPECT_LT(rt.stats().fibers_live, 5u);
  go.set();
  pool.wait();
  EXPECT_LT(rt.stats().stacks_mapped, 1000u);
}

TEST_P(ThreadPoolTest, BlockedTasksUseNothingUp) {
  umcg::Runtime rt(options());
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  {
    ThreadPool pool(rt);
    std::vector<umcg::Future<char>> readers;
    for (int i = 0; i < 16; ++i) {
      readers.push_back(pool.submit([fd = fds[0]] {
        char c = 0;
        return ::read(fd, &c, 1) == 1 ? c : '?';
      }));
    }
    EXPECT_EQ(pool.submit([] { return 1; }).get(), 1) << "a pool of 16 threads would hang";
    ASSERT_EQ(::write(fds[1], "0123456789abcdef", 16), 16);
    for (auto& r : readers) EXPECT_NE(r.get(), '?');
  }
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_P(ThreadPoolTest, FromThreadsFibersAndItsOwnTasks) {
  umcg::Runtime rt(options());
  umcg::Runtime other({.servers = 1});
  std::atomic<int> ran{0};
  const int each = umcg_test::scaled(200);
  {
    ThreadPool limited(rt, {.max_in_flight = 4});
    ThreadPool unlimited(rt);
    const auto submit_all = [&] {
      for (int i = 0; i < each; ++i) {
        ThreadPool& pool = i % 2 == 0 ? limited : unlimited;
        pool.post([&] {
          ++ran;
          unlimited.post([&] { ++ran; });
          limited.post([&] { ++ran; });
        });
      }
    };
    std::thread thread(submit_all);
    auto own = rt.spawn(submit_all);
    auto foreign = other.spawn(submit_all);
    thread.join();
    own.join();
    foreign.join();
    // Tasks of one pool submit to the other: a wait for one says nothing of the other.
    for (int i = 0; i < 2; ++i) {
      limited.wait();
      unlimited.wait();
    }
    EXPECT_EQ(ran, 9 * each);
  }
}

TEST_P(ThreadPoolTest, ATaskMayWaitForAnother) {
  umcg::Runtime rt(options());
  ThreadPool pool(rt);
  auto f = pool.submit([&] { return pool.submit([] { return 20; }).get() + 1; });
  EXPECT_EQ(f.get(), 21);
}

TEST_P(ThreadPoolTest, WaitIsInterruptible) {
  umcg::Runtime rt(options());
  ThreadPool pool(rt, {.max_in_flight = 1});
  EXPECT_EQ(pool.wait({}, 0s), WaitStatus::kReady) << "nothing to wait for";
  umcg::Event go;
  pool.post([&] { go.wait(); });
  pool.post([] {});
  EXPECT_EQ(pool.wait({}, 1ms), WaitStatus::kTimeout);
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(pool.wait(source.get_token()), WaitStatus::kStopped);
  go.set();
  EXPECT_EQ(pool.wait({}), WaitStatus::kReady);
}

TEST(ThreadPoolOptions, NoneInFlightIsRefused) {
  umcg::Runtime rt({.servers = 1});
  EXPECT_THROW(ThreadPool(rt, {.max_in_flight = 0}), std::invalid_argument);
}

UMCG_INSTANTIATE_MATRIX(ThreadPoolTest);

using ThreadPoolDeathTest = umcg_test::DeathTest;

TEST_F(ThreadPoolDeathTest, WaitByATask) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        ThreadPool pool(rt);
        pool.submit([&] { pool.wait(); }).get();
      },
      "umcg: fiber [0-9]+ .*ThreadPool::wait\\(\\) by one of its own children");
}

TEST_F(ThreadPoolDeathTest, APostedTaskThatThrows) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        ThreadPool pool(rt);
        pool.post([] { throw std::runtime_error("why"); });
        pool.wait();
        umcg::this_fiber::sleep_for(umcg_test::kLong);
      },
      "umcg: fiber.*threw an exception that nobody can join: why");
}

}  // namespace
