// SPDX-License-Identifier: Apache-2.0
// kernel_exit_test.cc - the end of a task, and slots that are used again.
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <set>
#include <vector>

#include "kernel_shim/task.h"
#include "test_util.h"

namespace {

namespace shim = umcg::internal::shim;
using umcg_test::Registered;

int register_task(umcg_tid* self) {
  return umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, self);
}

TEST(KernelExit, ThreadExitUnregisters) {
  umcg_tid tid = 0;
  std::thread([&] {
    ASSERT_EQ(register_task(&tid), 0);
    EXPECT_EQ(umcg_wake(0, tid), 0) << "queued, and dropped";
  }).join();
  EXPECT_EQ(umcg_wake(0, tid), -ESRCH);
  uint32_t state;
  EXPECT_EQ(umcg_get_task_state(tid, &state), -ESRCH);
}

// The destructor of a pthread key runs after those of thread_locals: nobody would clean up.
TEST(KernelExit, NoRegistrationWhileExiting) {
  static int result;
  result = 0;
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key,
                               [](void*) {
                                 umcg_tid tid;
                                 result = register_task(&tid);
                               }),
            0);
  std::thread([&] {
    umcg_tid tid;
    ASSERT_EQ(register_task(&tid), 0);
    ASSERT_EQ(pthread_setspecific(key, &key), 0);
  }).join();
  EXPECT_EQ(result, -EINVAL);
  pthread_key_delete(key);
}

TEST(KernelExit, ReusedSlotIsNotWokenByItsFormerName) {
  umcg_tid stale = 0;
  {
    Registered first;
    stale = first.tid();
  }
  Registered second;
  ASSERT_EQ(static_cast<uint32_t>(second.tid()), static_cast<uint32_t>(stale)) << "the same slot";
  EXPECT_EQ(umcg_wake(0, stale), -ESRCH);
  uint32_t state = 0;
  EXPECT_EQ(umcg_get_task_state(second.tid(), &state), 0);
  EXPECT_EQ(state, UMCG_TASK_RUNNING) << "nothing was queued";
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  EXPECT_EQ(umcg_wait(0, &past), -ETIMEDOUT);
}

// A waker that never tires of one name while the slot changes hands.
TEST(KernelExit, StaleWakerNeverHitsTheNextOwner) {
  std::atomic<umcg_tid> name{0};
  std::atomic<bool> stop{false};
  std::atomic<long> delivered{0};
  std::thread waker([&] {
    while (!stop) {
      // Read long before it is used, most of the time.
      const umcg_tid tid = name;
      for (int i = 0; i < 50 && tid != 0; ++i) {
        const int result = umcg_wake(0, tid);
        ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -ESRCH);
        if (result == 0) ++delivered;
      }
    }
  });
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  for (int i = 0; i < 20'000; ++i) {
    {
      Registered known;
      name = known.tid();
    }
    // Nobody has been told this one's name.
    Registered unknown;
    ASSERT_EQ(umcg_wait(0, &past), -ETIMEDOUT) << i;
  }
  stop = true;
  waker.join();
  RecordProperty("delivered", std::to_string(delivered));
}

// Through the first chunks of the table and back: names differ, all tasks work.
TEST(KernelExit, TableGrows) {
  constexpr int kTasks = 1000;
  std::set<umcg_tid> names;
  for (int round = 0; round < 2; ++round) {
    std::vector<shim::Task*> tasks;
    for (int i = 0; i < kTasks; ++i) {
      tasks.push_back(shim::acquire_task());
      ASSERT_NE(tasks.back(), nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tasks.back()) % 64, 0u);
      EXPECT_TRUE(names.insert(shim::tid_of(*tasks.back())).second);
    }
    for (shim::Task* task : tasks) {
      EXPECT_EQ(shim::wake(shim::tid_of(*task)), 0);
      EXPECT_EQ(shim::wake(*task), -EAGAIN);
      EXPECT_EQ(shim::wait(*task, shim::kNever), 0);
      shim::release_task(task);
    }
  }
  for (umcg_tid name : names) EXPECT_EQ(umcg_wake(0, name), -ESRCH);
}

TEST(KernelExit, ConcurrentAcquireAndRelease) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 5000; ++i) {
        shim::Task* a = shim::acquire_task();
        shim::Task* b = shim::acquire_task();
        ASSERT_TRUE(a != nullptr && b != nullptr && a != b);
        ASSERT_EQ(shim::wake(*a), 0);
        ASSERT_EQ(shim::wait(*b, 0), -ETIMEDOUT);
        ASSERT_EQ(shim::wait(*a, 0), 0);
        shim::release_task(a);
        shim::release_task(b);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
