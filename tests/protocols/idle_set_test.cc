// SPDX-License-Identifier: Apache-2.0
// Who sleeps, and whether anybody is to be told: a submitter that sees no listener must be right,
// and no listener may be counted for ever.
#include "runtime/scheduler/idle_set.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/sanitizers.h"

namespace {

using umcg::internal::IdleSet;
namespace shim = umcg::internal::shim;

TEST(IdleSet, EachListenerCountsOnce) {
  IdleSet set(3, shim::prepare_process_barrier());
  if (set.has_listeners()) GTEST_SKIP() << "no membarrier(2): somebody listens at all times";

  set.publish(1);
  EXPECT_TRUE(set.has_listeners());
  EXPECT_TRUE(set.somebody_must_know());
  EXPECT_TRUE(set.withdraw(1));
  EXPECT_FALSE(set.withdraw(1));
  EXPECT_FALSE(set.has_listeners());

  set.publish(2);
  EXPECT_EQ(set.take_one(), 2);
  EXPECT_EQ(set.take_one(), -1);
  EXPECT_FALSE(set.has_listeners());

  set.set_monitor_sleeps();
  set.set_monitor_sleeps();
  EXPECT_TRUE(set.has_listeners());
  EXPECT_TRUE(set.clear_monitor_sleeps());
  EXPECT_FALSE(set.clear_monitor_sleeps());
  EXPECT_FALSE(set.has_listeners());

  set.begin_unwatched(0);
  set.begin_unwatched(0);
  EXPECT_TRUE(set.has_listeners());
  EXPECT_FALSE(set.somebody_must_know());
  EXPECT_TRUE(set.end_unwatched(0));
  EXPECT_FALSE(set.end_unwatched(0));
  EXPECT_FALSE(set.has_listeners());
}

// Each of two threads does its part and says whether it saw the other, over and over: never do both
// miss the other. rests(set) goes to rest, submits(set, queued) queues and looks.
template <class Rests, class Submits>
void meet_often(std::uint32_t servers, bool has_barrier, const Rests& rests,
                const Submits& submits) {
  for (int i = 0; i < umcg_test::scaled(10'000); ++i) {
    IdleSet set(servers, has_barrier);
    std::atomic<int> queued{0};
    std::atomic<int> ready{0};
    bool one_at_rest_saw = false;
    const auto meet = [&] {
      for (ready.fetch_add(1); ready.load() != 2;) std::this_thread::yield();
    };
    std::thread one_at_rest([&] {
      meet();
      rests(set);
      one_at_rest_saw = queued.load(std::memory_order_seq_cst) != 0;
    });
    meet();
    const bool submitter_saw = submits(set, queued);
    one_at_rest.join();
    ASSERT_TRUE(one_at_rest_saw || submitter_saw);
  }
}

// As between a server that goes to sleep and one that queues work.
void sleep_and_submit(bool has_barrier) {
  meet_often(
      2, has_barrier, [](IdleSet& set) { set.publish(0); },
      [](const IdleSet& set, std::atomic<int>& queued) {
        queued.store(1, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (!set.has_listeners()) return false;
        IdleSet::fence_of_submitter();
        return set.somebody_must_know();
      });
}

TEST(IdleSet, SleeperOrSubmitterSeesTheOther) {
  if (!shim::prepare_process_barrier()) GTEST_SKIP() << "no membarrier(2) here";
  sleep_and_submit(true);
}

TEST(IdleSet, SleeperOrSubmitterSeesTheOtherWithoutABarrier) { sleep_and_submit(false); }

TEST(IdleSet, ANapIsEndedByOne) {
  IdleSet set(1, shim::prepare_process_barrier());
  EXPECT_FALSE(set.end_monitor_nap());
  set.begin_monitor_nap();
  EXPECT_TRUE(set.monitor_naps());
  EXPECT_TRUE(set.end_monitor_nap());
  EXPECT_FALSE(set.end_monitor_nap());
}

TEST(IdleSet, MonitorOrWakerSeesTheOther) {
  meet_often(
      1, shim::prepare_process_barrier(), [](IdleSet& set) { set.begin_monitor_nap(); },
      [](const IdleSet& set, std::atomic<int>& queued) {
        queued.store(1, std::memory_order_seq_cst);
        return set.monitor_naps();
      });
}

TEST(IdleSet, NobodyIsCountedForEver) {
  constexpr std::uint32_t kServers = 2;
  IdleSet set(kServers, shim::prepare_process_barrier());
  const bool always = set.has_listeners();
  std::vector<std::thread> threads;
  for (std::uint32_t n = 0; n < kServers; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; i < umcg_test::scaled(20'000); ++i) {
        set.publish(n);
        set.begin_unwatched(n);
        if (i % 3 == 0) (void)set.take_one();
        (void)set.withdraw(n);
        (void)set.end_unwatched(n);
        (void)set.end_unwatched(kServers - 1 - n);
        set.set_monitor_sleeps();
        (void)set.clear_monitor_sleeps();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  while (set.take_one() >= 0) {
  }
  for (std::uint32_t n = 0; n < kServers; ++n) (void)set.end_unwatched(n);
  (void)set.clear_monitor_sleeps();
  EXPECT_EQ(set.has_listeners(), always);
}

}  // namespace
