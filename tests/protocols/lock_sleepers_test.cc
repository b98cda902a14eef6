// SPDX-License-Identifier: Apache-2.0
// Locks that are released by a plain store, held so long that others go to sleep: everybody gets
// his turn, one at a time; without a process barrier, when it begins to be relied on, and with it.
#include "runtime/base/lock_sleepers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "kernel_shim/process_barrier.h"
#include "runtime/base/brief_lock.h"
#include "runtime/waiting/wait_queue.h"
#include "support/sanitizers.h"

namespace {

using umcg::internal::BriefLock;
using umcg::internal::LockSleepers;
using umcg::internal::QueueLock;
using umcg::internal::WaitQueue;

constexpr int kThreads = 4;

struct Brief {
  template <class F>
  void with(F f) {
    const std::lock_guard guard(lock);
    f();
  }
  BriefLock lock;
};

struct Queue {
  template <class F>
  void with(F f) {
    const QueueLock guard(queue);
    f();
  }
  WaitQueue queue;
};

// `in_between` runs once, while all are at it.
template <class Lock, class F>
void take_turns(F in_between) {
  Lock lock;
  const int each = umcg_test::scaled(4'000);
  long turns = 0;  // under the lock
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      for (int i = 0; i < each; ++i) {
        lock.with([&] {
          ++turns;
          // Longer than anybody looks for it.
          if (random() % 64 == 0) ::usleep(200);
        });
        if (t == 0 && i == each / 2) in_between();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(turns, long{kThreads} * each);
}

template <class Lock>
void take_turns() {
  take_turns<Lock>([] {});
}

// In this order, since the barrier is relied on for good.
TEST(LockSleepers, EverybodyGetsHisTurn) {
  take_turns<Brief>();
  take_turns<Queue>();
  if (!umcg::internal::shim::prepare_process_barrier()) GTEST_SKIP() << "no membarrier(2) here";
  take_turns<Queue>(LockSleepers::rely_on_barrier);
  take_turns<Brief>();
  take_turns<Queue>();
}

}  // namespace
