// SPDX-License-Identifier: Apache-2.0
// Everything at once, at random, for a while, with chaos (docs/chaos.md) and without: no wake-up
// may be lost, no count may be off. And that chaos finds what it is for.
//
// UMCG_STRESS_SECONDS: how long (3). UMCG_STRESS_SEED: to repeat a run (the clock).
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runtime/scheduler/chaos.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "umcg/blocking.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Random = std::mt19937_64;
using umcg::WaitStatus;

long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::atol(text) : otherwise;
}

constexpr int kPermits = 3;

// What all actors share, and what must hold of it at every moment.
struct World {
  umcg::Mutex mutex;
  long guarded = 0;  // under mutex; counts each entry once
  std::atomic<long> entries{0};

  umcg::Semaphore permits{kPermits};
  std::atomic<int> inside{0};

  std::mutex std_mutex;
  umcg::ConditionVariable cv;
  long tickets = 0;  // under std_mutex

  std::atomic<long> actions{0};
  std::atomic<long> children_started{0};
  std::atomic<long> children_ended{0};
};

void pause(Random& random) {
  switch (random() % 8) {
    case 0:
      umcg::this_fiber::yield();
      break;
    case 1:
      umcg::this_fiber::sleep_for(std::chrono::microseconds(random() % 200));
      break;
    case 2:
      ::usleep(static_cast<useconds_t>(random() % 100));
      break;
    case 3:
      umcg::blocking([&] { ::usleep(static_cast<useconds_t>(random() % 50)); });
      break;
    case 4:
      umcg::blocking_now([] {});
      break;
    default:
      break;
  }
}

void use_mutex(World& w, Random& random) {
  std::unique_lock lock(w.mutex, std::defer_lock);
  switch (random() % 3) {
    case 0:
      lock.lock();
      break;
    case 1:
      (void)lock.try_lock();
      break;
    default:
      (void)lock.try_lock_for(std::chrono::microseconds(random() % 300));
  }
  if (!lock.owns_lock()) return;
  const long before = w.guarded;
  pause(random);
  w.guarded = before + 1;
  ++w.entries;
}

void use_semaphore(World& w, Random& random) {
  const int n = 1 + static_cast<int>(random() % kPermits);
  if (random() % 2 == 0) {
    w.permits.acquire(n);
  } else if (w.permits.acquire(std::stop_token(), std::chrono::microseconds(random() % 300), n) !=
             WaitStatus::kReady) {
    return;
  }
  EXPECT_LE(w.inside.fetch_add(n) + n, kPermits);
  pause(random);
  w.inside.fetch_sub(n);
  w.permits.release(n);
}

void use_condition(World& w, Random& random) {
  if (random() % 2 == 0) {
    {
      const std::lock_guard lock(w.std_mutex);
      ++w.tickets;
    }
    if (random() % 2 == 0) {
      w.cv.notify_one();
    } else {
      w.cv.notify_all();
    }
  } else {
    std::unique_lock lock(w.std_mutex);
    if (w.cv.wait_for(lock, 500us, [&] { return w.tickets > 0; })) --w.tickets;
    EXPECT_GE(w.tickets, 0);
  }
}

// An event and a group that die as soon as their waits are over.
void use_short_lived(World& w, Random& random) {
  const std::uint64_t seed = random();
  umcg::Event event;
  umcg::WaitGroup group(2);
  for (int i = 0; i < 2; ++i) {
    ++w.children_started;
    umcg::post([&, seed, i] {
      Random mine(seed + static_cast<unsigned>(i));
      pause(mine);
      if (i == 0) event.set();
      ++w.children_ended;
      group.done();
    });
  }
  if (random() % 2 == 0) (void)event.wait_for(std::chrono::microseconds(random() % 100));
  event.wait();
  group.wait();
}

void use_children(World& w, Random& random) {
  const std::uint64_t seed = random();
  ++w.children_started;
  auto child = umcg::spawn([&w, seed](std::stop_token stop) {
    Random mine(seed);
    pause(mine);
    if (mine() % 4 == 0) {
      const WaitStatus status = umcg::this_fiber::sleep_until(umcg::Deadline::never(), stop);
      EXPECT_EQ(status, WaitStatus::kStopped);
    }
    ++w.children_ended;
    if (mine() % 4 == 0) throw std::runtime_error("child");
    return seed;
  });
  pause(random);
  if (random() % 8 == 0) return;  // ~Fiber stops and joins
  child.request_stop();
  try {
    EXPECT_EQ(child.join(), seed);
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "child");
  }
}

void use_pin(World& w, Random& random) {
  const umcg::this_fiber::ThreadPin pin;
  const pid_t before = ::gettid();
  use_mutex(w, random);
  use_semaphore(w, random);
  EXPECT_EQ(::gettid(), before);
}

void act(World& w, std::uint64_t seed, Clock::time_point end) {
  Random random(seed);
  do {  // once in any case: a machine may stand still for longer than that
    switch (random() % 8) {
      case 0:
      case 1:
        use_mutex(w, random);
        break;
      case 2:
        use_semaphore(w, random);
        break;
      case 3:
        use_condition(w, random);
        break;
      case 4:
        use_short_lived(w, random);
        break;
      case 5:
        use_children(w, random);
        break;
      case 6:
        use_pin(w, random);
        break;
      default:
        pause(random);
    }
    ++w.actions;
  } while (Clock::now() < end);
}

void run_world(umcg_test::MatrixCase c, bool chaos, std::uint64_t seed,
               std::chrono::milliseconds duration) {
  World w;
  umcg::RuntimeOptions options;
  options.servers = c.servers;
  options.handoff = c.handoff;
  options.chaos = chaos;
  options.chaos_seed = seed;
  umcg::Runtime a(options);
  umcg::Runtime b(options);
  const auto end = Clock::now() + duration;
  std::vector<umcg::Fiber<>> fibers;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 12; ++i) {
    fibers.push_back((i % 3 == 0 ? b : a).spawn([&w, end, s = seed + i] { act(w, s, end); }));
  }
  for (std::uint64_t i = 0; i < 2; ++i) {
    threads.emplace_back([&w, &a, end, s = seed + 100 + i] {
      const auto entered = a.enter();
      act(w, s, end);
    });
  }
  // If a wake-up is lost this says so, rather than the time limit of whoever runs the tests.
  for (auto& f : fibers) {
    if (f.wait({}, duration + umcg_test::kLong) != WaitStatus::kReady) {
      std::fprintf(stderr, "stress: a fiber hangs, seed %llu\n%s\n",
                   static_cast<unsigned long long>(seed), a.stats().to_string().c_str());
      std::abort();
    }
    f.join();
  }
  for (auto& t : threads) t.join();
  EXPECT_TRUE(a.wait_idle(umcg_test::kLong));
  EXPECT_TRUE(b.wait_idle(umcg_test::kLong));
  EXPECT_EQ(w.guarded, w.entries);
  EXPECT_EQ(w.inside, 0);
  EXPECT_TRUE(w.permits.try_acquire(kPermits)) << "all permits are back";
  EXPECT_EQ(w.children_started, w.children_ended);
  EXPECT_EQ(a.stats().fibers_started, a.stats().fibers_finished);
  EXPECT_GE(w.actions, static_cast<long>(fibers.size() + threads.size()));
}

TEST(Stress, Everything) {
  const auto seed = static_cast<std::uint64_t>(from_environment(
      "UMCG_STRESS_SEED", static_cast<long>(Clock::now().time_since_epoch().count() % 1'000'000)));
  const auto total = std::chrono::seconds(from_environment("UMCG_STRESS_SECONDS", 3));
  std::printf("UMCG_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  const auto cases = umcg_test::matrix();
  // Short worlds for a long run too: starts and ends of runtimes are part of the stress.
  const auto slice = std::clamp<std::chrono::milliseconds>(total / cases.size() / 2, 100ms, 5000ms);
  const auto end = Clock::now() + total;
  for (std::uint64_t round = 0; Clock::now() < end && !HasFailure(); ++round) {
    const auto& c = cases[round % cases.size()];
    const bool chaos = round / cases.size() % 2 != 0;
    SCOPED_TRACE("round " + std::to_string(round) + ", servers " + std::to_string(c.servers) +
                 ", handoff " + umcg_test::handoff_name(c.handoff) + (chaos ? ", chaos" : ""));
    run_world(c, chaos, seed + 1000 * round, slice);
  }
}

TEST(Chaos, DecisionsAreThoseOfSeedPointAndCount) {
  using umcg::internal::Chaos;
  using umcg::internal::ChaosDecision;
  using umcg::internal::ChaosPoint;
  constexpr int kPasses = 2000;
  const auto all = [](std::uint64_t seed, std::size_t first) {
    Chaos chaos(seed);
    std::vector<std::vector<std::uint32_t>> of_points(umcg::internal::kChaosPoints);
    // Another order of the points must not matter.
    for (int n = 0; n < kPasses; ++n) {
      for (std::size_t i = 0; i < of_points.size(); ++i) {
        const std::size_t p = (first + i) % of_points.size();
        const ChaosDecision d = chaos.next(static_cast<ChaosPoint>(p));
        of_points[p].push_back(d.us * 4 + (d.turn ? 2U : 0U) + (d.held ? 1U : 0U));
      }
    }
    return of_points;
  };
  const auto once = all(7, 0);
  EXPECT_EQ(once, all(7, 5));
  EXPECT_NE(once, all(8, 0));
  EXPECT_NE(once[0], once[1]);
  for (const auto& decisions : once) {
    EXPECT_GT(std::ranges::count_if(decisions, [](auto d) { return (d & 1) != 0; }), kPasses / 64);
    EXPECT_GT(std::ranges::count_if(decisions, [](auto d) { return (d & 2) != 0; }), kPasses / 32);
  }
}

// A bug: it wakes the reader, and then writes what that one is to read. Nothing but luck keeps it
// right on one server.
bool order_is_broken(bool chaos, std::uint64_t seed) {
  umcg::Runtime rt(
      {.servers = 1, .handoff = umcg::Handoff::kOff, .chaos = chaos, .chaos_seed = seed});
  return rt.run([] {
    std::atomic<bool> broken{false};
    for (int round = 0; round < 2000 && !broken; ++round) {
      std::atomic<bool> written{false};
      umcg::Semaphore go(0);
      auto reader = umcg::spawn([&] {
        go.acquire();
        if (!written) broken = true;
      });
      umcg::this_fiber::yield();
      go.release();
      written = true;
      reader.join();
    }
    return broken.load();
  });
}

// Of one seed, and long enough: of a short load at random it would only be likely.
TEST(Chaos, CountsWhatItDoes) {
  ::unsetenv("UMCG_CHAOS");
  umcg::Runtime rt({.servers = 1, .chaos = true, .chaos_seed = 3});
  rt.run([] {
    umcg::Semaphore there(0);
    umcg::Semaphore back(0);
    constexpr int kTurns = 500;
    auto partner = umcg::spawn([&] {
      for (int i = 0; i < kTurns; ++i) {
        there.acquire();
        back.release();
      }
    });
    for (int i = 0; i < kTurns; ++i) {
      there.release();
      back.acquire();
    }
    partner.join();
  });
  EXPECT_GT(rt.stats().chaos_delays, 0U);
  EXPECT_GT(rt.stats().chaos_turns, 0U);
}

TEST(Chaos, BringsToLightWhatLuckHides) {
  ::unsetenv("UMCG_CHAOS");  // it would win
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    EXPECT_FALSE(order_is_broken(false, seed));
    EXPECT_TRUE(order_is_broken(true, seed));
  }
}

TEST(Chaos, TheVariableWinsAndIsChecked) {
  ::setenv("UMCG_CHAOS", "12", 1);
  {
    umcg::Runtime rt({.servers = 1});
    rt.run([] {
      for (int i = 0; i < 500; ++i) umcg::spawn([] { umcg::this_fiber::yield(); }).join();
    });
    EXPECT_GT(rt.stats().chaos_delays, 0U);
  }
  ::setenv("UMCG_CHAOS", "twelve", 1);
  EXPECT_THROW(umcg::Runtime({.servers = 1}), std::invalid_argument);
  ::unsetenv("UMCG_CHAOS");
}

}  // namespace
