// SPDX-License-Identifier: Apache-2.0
// No thundering herd: a fiber that waits parks once, and is woken when it is its turn. Counted on
// one server that is never handed over, where it is known who waits.
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "umcg/barrier.h"
#include "umcg/channel.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/latch.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

constexpr int kWaiters = 16;

// Lets that many fibers wait, then calls wake() until all are through. Returns how often they have
// parked in all: no wait is in vain if each did once. begin(), wake()
// and end() are called by one fiber.
constexpr auto kNothing = [] {};
template <class Wait, class Wake, class Begin = decltype(kNothing), class End = decltype(kNothing)>
int parks_of_all(Wait wait, Wake wake, Begin begin = kNothing, End end = kNothing) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  return rt.run([&] {
    begin();
    const auto before = rt.stats().parks;
    int arrived = 0;
    int through = 0;
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < kWaiters; ++i) {
      fibers.push_back(umcg::spawn([&] {
        ++arrived;
        wait();
        ++through;
      }));
    }
    while (arrived < kWaiters) umcg::this_fiber::yield();
    for (int calls = 0; through < kWaiters; ++calls) {
      EXPECT_LE(calls, 4 * kWaiters);
      wake();
      umcg::this_fiber::yield();
    }
    const auto parks = rt.stats().parks - before;
    end();
    for (auto& f : fibers) f.join();
    return static_cast<int>(parks);
  });
}

TEST(Wakeups, OnePerPermit) {
  umcg::Semaphore semaphore(0);
  EXPECT_EQ(parks_of_all([&] { semaphore.acquire(); }, [&] { semaphore.release(); }), kWaiters);
}

TEST(Wakeups, OnePerItem) {
  umcg::Channel<int> channel;
  EXPECT_EQ(parks_of_all([&] { (void)channel.recv(); }, [&] { (void)channel.try_send(1); }),
            kWaiters);
  umcg::Channel<int> full(1);
  ASSERT_TRUE(full.try_send(1));
  EXPECT_EQ(parks_of_all([&] { (void)full.send(1); }, [&] { (void)full.try_recv(); }), kWaiters);
}

TEST(Wakeups, OnePerSelect) {
  umcg::Channel<int> channels[2];
  const auto wait = [&] {
    std::optional<int> item;
    (void)umcg::select({channels[0].on_recv(item), channels[1].on_recv(item)});
  };
  int k = 0;
  EXPECT_EQ(parks_of_all(wait, [&] { (void)channels[++k % 2].try_send(1); }), kWaiters);
}

TEST(Wakeups, OnePerNotification) {
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    cv.wait(lock);
  };
  EXPECT_EQ(parks_of_all(wait, [&] { cv.notify_one(); }), kWaiters);
  EXPECT_EQ(parks_of_all(wait, [&] { cv.notify_all(); }), kWaiters);
}

TEST(Wakeups, OneForAllWhoAreLetThrough) {
  umcg::Event event;
  EXPECT_EQ(parks_of_all([&] { event.wait(); }, [&] { event.set(); }), kWaiters);
  umcg::WaitGroup group(1);
  EXPECT_EQ(parks_of_all([&] { group.wait(); }, [&] { group.done(); }), kWaiters);
  umcg::Latch latch(1);
  EXPECT_EQ(parks_of_all([&] { latch.wait(); }, [&] { latch.count_down(); }), kWaiters);
  umcg::Barrier<> barrier(kWaiters + 1);
  EXPECT_EQ(parks_of_all([&] { barrier.arrive_and_wait(); }, [&] { (void)barrier.arrive(); }),
            kWaiters);
}

TEST(Wakeups, OnePerUnlock) {
  umcg::Mutex mutex;
  auto once = [held = true](auto& m) mutable {
    if (std::exchange(held, false)) m.unlock();
  };
  EXPECT_EQ(parks_of_all([&] { const std::scoped_lock lock(mutex); },
                         [&, once]() mutable { once(mutex); }, [&] { mutex.lock(); }),
            kWaiters);
  umcg::SharedMutex shared;
  EXPECT_EQ(parks_of_all([&] { const std::shared_lock lock(shared); },
                         [&, once]() mutable { once(shared); }, [&] { shared.lock(); }),
            kWaiters);
  EXPECT_EQ(parks_of_all([&] { const std::scoped_lock lock(shared); },
                         [&, once]() mutable { once(shared); }, [&] { shared.lock(); }),
            kWaiters);
}

// A newcomer takes the mutex each time before the one who was woken to try: that costs each waiter
// one more park, and then it is handed the mutex.
TEST(Wakeups, OneInVainForEachWaiterOfAMutex) {
  umcg::Mutex mutex;
  const auto hog = [&] {
    mutex.unlock();
    mutex.lock();
  };
  // One of each waiter more, and one of the hog for each waiter that was handed the mutex.
  EXPECT_LE(parks_of_all([&] { const std::scoped_lock lock(mutex); }, hog, [&] { mutex.lock(); },
                         [&] { mutex.unlock(); }),
            3 * kWaiters);
}

}  // namespace
