// SPDX-License-Identifier: Apache-2.0
// task_stress_test.cc - the protocol under a kernel that is as nasty as its contract allows.
#include <atomic>
#include <cerrno>
#include <vector>

#include "kernel_shim/task.h"
#include "nasty_futex.h"
#include "test_util.h"

namespace {

namespace shim = umcg::internal::shim;

class TaskStress : public testing::Test {
 private:
  NastyFutex nasty_;
};

// Everybody wakes everybody and waits, in every form. Each task's accepted wake-ups equal its
// waits that returned 0.
TEST_F(TaskStress, WhatIsAcceptedIsDelivered) {
  constexpr int kTasks = 4;
  constexpr int kSteps = 3'000;
  shim::Task* tasks[kTasks];
  std::atomic<long> accepted[kTasks] = {};
  long woken[kTasks] = {};
  for (shim::Task*& task : tasks) ASSERT_NE(task = shim::acquire_task(), nullptr);

  const auto run = [&](std::size_t me) {
    umcg_test::Random random(100 + me);
    for (int i = 0; i < kSteps; ++i) {
      const std::size_t other = (me + 1 + random.below(kTasks - 1)) % kTasks;
      const umcg_tid next = shim::tid_of(*tasks[other]);
      const std::int64_t soon = umcg_test::now_ns() + static_cast<long>(random.below(100'000));
      int result;
      switch (random.below(4)) {
        case 0:
          accepted[other] += shim::wake(next) == 0;
          continue;
        case 1:
          result = shim::wait(*tasks[me], soon);
          ASSERT_NE(result, -EINTR);
          break;
        case 2:
          result = shim::wait_interruptible(*tasks[me], soon);
          break;
        default:
          // A refused swap is not a wait; an accepted one woke the other, whatever ended it.
          result = shim::swap_interruptible(*tasks[me], next, soon);
          accepted[other] += result != -EAGAIN;
          break;
      }
      woken[me] += result == 0;
      random.delay();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kTasks; ++i) threads.emplace_back(run, i);
  for (std::thread& thread : threads) thread.join();

  for (std::size_t i = 0; i < kTasks; ++i) {
    while (shim::wait(*tasks[i], 0) == 0) ++woken[i];
    EXPECT_EQ(woken[i], accepted[i].load()) << "task " << i;
    EXPECT_GT(woken[i], 0);
    shim::release_task(tasks[i]);
  }
}

// A token goes round by swap, without a deadline: one lost wake-up stops it.
TEST_F(TaskStress, RingOfSwaps) {
  constexpr int kTasks = 3;
  constexpr int kRounds = 2'000;
  shim::Task* tasks[kTasks];
  for (shim::Task*& task : tasks) ASSERT_NE(task = shim::acquire_task(), nullptr);
  int hops = 0;  // belongs to the token's holder

  std::vector<std::thread> threads;
  for (int me = 0; me < kTasks; ++me) {
    threads.emplace_back([&, me] {
      const umcg_tid next = shim::tid_of(*tasks[(me + 1) % kTasks]);
      ASSERT_EQ(shim::wait(*tasks[me], shim::kNever), 0);
      for (int i = 1; i < kRounds; ++i) {
        ++hops;
        ASSERT_EQ(shim::swap(*tasks[me], next, shim::kNever), 0);
      }
      ++hops;
      if (me + 1 < kTasks) {
        ASSERT_EQ(shim::wake(next), 0);
      }
    });
  }
  ASSERT_EQ(shim::wake(*tasks[0]), 0);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hops, kTasks * kRounds);
  for (shim::Task* task : tasks) shim::release_task(task);
}

}  // namespace
