// SPDX-License-Identifier: Apache-2.0
// Hand-overs of all kinds at once: fibers that block in the kernel without a word, yield, spawn and
// wait, far more of them than servers. Whatever passes to whom, nothing is lost and nothing done
// twice.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

constexpr std::size_t kFibers = 48;

struct Storm {
  std::array<std::atomic<int>, kFibers> at_work{};  // 1 while the fiber runs: never on two threads
  std::atomic<long> twice{0};
  std::atomic<long> steps{0};
  std::atomic<long> children_started{0}, children_ended{0};
  umcg::Mutex mutex;
  long guarded = 0;  // under mutex
  std::atomic<long> entries{0};
};

// Every stretch of a fiber between two switches is inside of one of these.
class AtWork {
 public:
  AtWork(Storm& storm, std::size_t fiber) : storm_(storm), fiber_(fiber) { begin(); }
  ~AtWork() { end(); }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

  template <class F>
  void suspend(F f) {
    end();
    f();
    begin();
  }

 private:
  void begin() {
    if (storm_.at_work[fiber_].fetch_add(1) != 0) ++storm_.twice;
  }
  void end() {
    if (storm_.at_work[fiber_].fetch_sub(1) != 1) ++storm_.twice;
  }
  Storm& storm_;
  const std::size_t fiber_;
};

void nap(std::minstd_rand& random, unsigned most) {
  ::usleep(static_cast<useconds_t>(random() % (most + 1)));
}

void child(Storm& storm, unsigned seed) {
  std::minstd_rand random(seed);
  if (random() % 2 == 0) nap(random, 300);
  if (random() % 2 == 0) umcg::this_fiber::yield();
  ++storm.children_ended;
}

void fiber(Storm& storm, std::size_t index, int rounds) {
  std::minstd_rand random(static_cast<unsigned>(index) * 7919U + 1U);
  AtWork work(storm, index);
  for (int i = 0; i < rounds; ++i) {
    switch (random() % 8) {
      case 0:
      case 1:
        nap(random, 3000);  // raw: it may lose its server any time, and must not notice
        break;
      case 2:
        nap(random, 50);
        break;
      case 3:
        work.suspend([&] { umcg::blocking([&] { nap(random, 200); }); });
        break;
      case 4: {
        ++storm.children_started;
        auto started =
            umcg::spawn([&storm, seed = static_cast<unsigned>(random())] { child(storm, seed); });
        nap(random, 100);  // so that join() often finds its server gone
        work.suspend([&] { started.join(); });
        break;
      }
      case 5:
        // Posts from a worker that may have been overtaken, and wakes a fiber from there.
        {
          umcg::Event event;
          umcg::post([&] { event.set(); });
          nap(random, 100);
          work.suspend([&] { event.wait(); });
        }
        break;
      case 6:
        work.suspend([&] { storm.mutex.lock(); });
        {
          const long before = storm.guarded;
          nap(random, 20);
          storm.guarded = before + 1;
        }
        ++storm.entries;
        storm.mutex.unlock();
        break;
      default:
        work.suspend([] { umcg::this_fiber::yield(); });
    }
    ++storm.steps;
  }
}

class StormTest : public ::testing::TestWithParam<umcg::Handoff> {};

TEST_P(StormTest, RawBlockingYieldsAndSpawns) {
  Storm storm;
  umcg::RuntimeOptions options;
  options.servers = 2;
  options.handoff = GetParam();
  umcg::Runtime rt(options);
  constexpr int kRounds = umcg_test::kSanitized ? 20 : 60;
  std::vector<umcg::Fiber<>> fibers;
  for (std::size_t i = 0; i < kFibers; ++i) {
    fibers.push_back(rt.spawn([&storm, i] { fiber(storm, i, kRounds); }));
  }
  for (auto& f : fibers) {
    if (f.wait({}, umcg_test::kLong) != umcg::WaitStatus::kReady) {
      std::fprintf(stderr, "storm: a fiber hangs\n%s\n", rt.stats().to_string().c_str());
      std::abort();
    }
    f.join();
  }
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  EXPECT_EQ(storm.twice, 0);
  EXPECT_EQ(storm.steps, static_cast<long>(kFibers) * kRounds);
  EXPECT_EQ(storm.children_started, storm.children_ended);
  EXPECT_EQ(storm.guarded, storm.entries);
  EXPECT_GT(storm.guarded, 0);
  const umcg::Stats stats = rt.stats();
  EXPECT_EQ(stats.fibers_started, stats.fibers_finished);
  if (GetParam() == umcg::Handoff::kChaos) {
    EXPECT_GT(stats.handoffs_chaos, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Handoffs, StormTest,
                         ::testing::Values(umcg::Handoff::kAuto, umcg::Handoff::kChaos),
                         [](const auto& p) { return umcg_test::handoff_name(p.param); });

}  // namespace
