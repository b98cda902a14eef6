// SPDX-License-Identifier: Apache-2.0
// Sleeps and deadlines: never early, in order, taken back when the wait ends otherwise.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <stop_token>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using umcg::WaitStatus;
using umcg_test::kLong;
using Timers = umcg_test::MatrixTest;

TEST_P(Timers, SleepIsNotEarly) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 50; ++i) {
    fibers.push_back(rt.spawn([i] {
      const auto d = i * 317us;
      const auto start = Clock::now();
      umcg::this_fiber::sleep_for(d);
      EXPECT_GE(Clock::now() - start, d);
      const auto until = Clock::now() + d;
      umcg::this_fiber::sleep_until(until);
      EXPECT_GE(Clock::now(), until);
    }));
  }
  for (auto& f : fibers) f.join();
}

TEST(TimersOnAThread, SleepIsNotEarlyAndStops) {
  const auto start = Clock::now();
  umcg::this_fiber::sleep_for(3ms);
  EXPECT_GE(Clock::now() - start, 3ms);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(umcg::this_fiber::sleep_until(kLong, source.get_token()), WaitStatus::kStopped);
  EXPECT_EQ(umcg::this_fiber::sleep_until(1ms, std::stop_token()), WaitStatus::kTimeout);
}

// Its server slept with a short one, which is nobody else's.
TEST_P(Timers, AFiberHasTheTimerSlackOfItsThread) {
  const int slack = ::prctl(PR_GET_TIMERSLACK);
  umcg::Runtime rt(options());
  rt.spawn([&] {
      for (int i = 0; i < 10; ++i) {
        umcg::this_fiber::sleep_for(1ms);
        EXPECT_EQ(::prctl(PR_GET_TIMERSLACK), slack);
      }
    }).join();
}

TEST_P(Timers, SleepIsCutShortByAStop) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([](std::stop_token stop) {
    return umcg::this_fiber::sleep_until(umcg::Deadline::never(), stop);
  });
  EXPECT_EQ(f.wait({}, 2ms), WaitStatus::kTimeout);
  f.request_stop();
  EXPECT_EQ(f.join(), WaitStatus::kStopped);
}

TEST_P(Timers, AnEarlierStopIsSeenAtOnce) {
  umcg::Runtime rt(options());
  std::stop_source source;
  source.request_stop();
  rt.run([&] {
    EXPECT_EQ(umcg::this_fiber::sleep_until(kLong, source.get_token()), WaitStatus::kStopped);
    EXPECT_EQ(umcg::this_fiber::sleep_until(-1s, source.get_token()), WaitStatus::kTimeout)
        << "of several reasons, the first of WaitStatus";
  });
}

TEST_P(Timers, PastAndZeroDeadlinesReturn) {
  umcg::Runtime rt(options());
  rt.run([] {
    umcg::Event never;
    for (int i = 0; i < 100; ++i) {
      umcg::this_fiber::sleep_for(0s);
      umcg::this_fiber::sleep_for(-5s);
      EXPECT_FALSE(never.wait_for(0s));
      EXPECT_FALSE(never.wait_until(Clock::now() - 1h));
      EXPECT_FALSE(never.wait_until(Clock::time_point::min()));
    }
  });
}

TEST_P(Timers, HugeDeadlinesDoNotOverflow) {
  umcg::Runtime rt(options());
  umcg::Event set;
  auto f = rt.spawn([&] {
    return set.wait_for(std::chrono::hours::max()) && set.wait_until(Clock::time_point::max());
  });
  EXPECT_EQ(f.wait({}, 2ms), WaitStatus::kTimeout);
  set.set();
  EXPECT_TRUE(f.join());
}

TEST(Deadlines, OfOtherClocksSaturate) {
  using std::chrono::system_clock;
  using Seconds = std::chrono::time_point<system_clock, std::chrono::seconds>;
  EXPECT_TRUE(umcg::Deadline(Seconds::max()).is_never());
  EXPECT_TRUE(umcg::Deadline(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31)).is_never());
  EXPECT_TRUE(umcg::Deadline(Seconds::min()).has_passed());
  EXPECT_TRUE(umcg::Deadline(system_clock::time_point::min()).has_passed());
  EXPECT_FALSE(umcg::Deadline(system_clock::time_point::max()).has_passed());
  const umcg::Deadline soon(system_clock::now() + 1h);
  EXPECT_GT(soon, umcg::Deadline(59min));
  EXPECT_LT(soon, umcg::Deadline(61min));
}

// Sleepers come back in the order of their deadlines. Those that are due at one look may come in
// any order, and on a loaded machine that look may be late: hence the wider and wider distances.
bool come_back_in_order(std::chrono::milliseconds apart) {
  umcg::RuntimeOptions options;
  options.servers = 1;
  // The vector has no lock: a sleeper that is overtaken in it would run beside the next one.
  options.handoff = umcg::Handoff::kOff;
  umcg::Runtime rt(options);
  return rt.run([apart] {
    std::vector<int> order;
    std::vector<umcg::Fiber<>> fibers;
    const auto base = Clock::now() + apart;
    for (int rank : {3, 0, 5, 2, 7, 1, 6, 4}) {
      fibers.push_back(umcg::spawn([&, rank] {
        umcg::this_fiber::sleep_until(base + rank * apart);
        order.push_back(rank);
      }));
    }
    for (auto& f : fibers) f.join();
    return std::is_sorted(order.begin(), order.end());
  });
}

TEST(TimersOrder, EarlierDeadlinesFirst) {
  EXPECT_TRUE(come_back_in_order(2ms) || come_back_in_order(20ms) || come_back_in_order(200ms) ||
              come_back_in_order(1000ms));
}

TEST_P(Timers, AWakeTakesTheTimerBack) {
  umcg::Runtime rt(options());
  // The event is set long before the deadlines: none of them may fire, now or on reused fibers.
  for (int round = 0; round < 20; ++round) {
    umcg::Event set;
    std::vector<umcg::Fiber<bool>> fibers;
    for (int i = 0; i < 100; ++i) fibers.push_back(rt.spawn([&] { return set.wait_for(kLong); }));
    set.set();
    for (auto& f : fibers) EXPECT_TRUE(f.join());
  }
  EXPECT_EQ(rt.stats().timers_fired, 0U);
}

TEST_P(Timers, AStaleTimerDoesNotEndALaterWait) {
  umcg::Runtime rt(options());
  rt.run([] {
    // Each wait ends by its event a moment before or after its deadline; the next wait of the same
    // fiber must not notice.
    for (int i = 0; i < umcg_test::scaled(500); ++i) {
      umcg::Event soon;
      auto setter = umcg::spawn([&] {
        umcg::this_fiber::sleep_for(100us);
        soon.set();
      });
      (void)soon.wait_for(100us);
      umcg::Event later;
      auto second = umcg::spawn([&] {
        umcg::this_fiber::sleep_for(200us);
        later.set();
      });
      EXPECT_TRUE(later.wait_for(kLong));
      second.join();
      setter.join();
    }
  });
}

TEST_P(Timers, Many) {
  umcg::Runtime rt(options());
  const int total = umcg_test::live_fibers(20'000);
  std::atomic<int> done{0};
  std::mt19937 random(3);
  for (int i = 0; i < total; ++i) {
    const auto d = std::chrono::microseconds(random() % 50'000);
    rt.post([&done, d] {
      const auto start = Clock::now();
      umcg::this_fiber::sleep_for(d);
      EXPECT_GE(Clock::now() - start, d);
      ++done;
    });
  }
  EXPECT_TRUE(rt.wait_idle(kLong));
  EXPECT_EQ(done, total);
}

TEST_P(Timers, TimersFireWhileAllServersAreBusy) {
  umcg::Runtime rt(options());
  std::atomic<bool> stop{false};
  std::vector<umcg::Fiber<>> busy;
  for (int i = 0; i < 8; ++i) {
    busy.push_back(rt.spawn([&] {
      while (!stop) umcg::this_fiber::yield();
    }));
  }
  rt.run([] { umcg::this_fiber::sleep_for(2ms); });
  stop = true;
  for (auto& f : busy) f.join();
}

// A server that wakes for a deadline of another one's heap must not go back to sleep in vain until
// somebody else sees to it.
TEST_P(Timers, WhoeverWakesForADeadlineFiresIt) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 8; ++i) {
    fibers.push_back(rt.spawn([i] {
      for (int round = 0; round < 50; ++round) {
        umcg::this_fiber::sleep_for(std::chrono::microseconds(500 + 100 * i));
        const auto until = Clock::now() + 50us;
        while (Clock::now() < until) {
        }
      }
    }));
  }
  for (auto& f : fibers) f.join();
  const umcg::Stats stats = rt.stats();
  EXPECT_LT(stats.server_sleeps, 8 * stats.timers_fired);
}

// One server runs what is due; the other one has no business with it.
TEST(TimersOfTwoServers, ASleepWakesOne) {
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kAuto});
  rt.run([] { umcg::this_fiber::sleep_for(5ms); });
  const std::uint64_t before = rt.stats().server_wakes;
  rt.run([] {
    for (int i = 0; i < 100; ++i) umcg::this_fiber::sleep_for(1ms);
  });
  EXPECT_LT(rt.stats().server_wakes - before, 30U);
}

UMCG_INSTANTIATE_MATRIX(Timers);

}  // namespace
