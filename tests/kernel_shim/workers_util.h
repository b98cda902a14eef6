// SPDX-License-Identifier: Apache-2.0
// workers_util.h - groups, servers and workers for tests.
#ifndef UMCG_TESTS_KERNEL_SHIM_WORKERS_UTIL_H_
#define UMCG_TESTS_KERNEL_SHIM_WORKERS_UTIL_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>
#include <utility>

#include "test_util.h"
#include "umcg/kernel.h"

namespace umcg_test {

inline int register_as(std::uint32_t flags, int group, umcg_tid* self) {
  return umcg_register_task(UMCG_API_VERSION, flags, static_cast<std::uint32_t>(group), self);
}

inline std::uint32_t state_of(umcg_tid tid) {
  std::uint32_t state = UMCG_TASK_NONE;
  (void)umcg_get_task_state(tid, &state);
  return state;
}

// Whether this system, and this build, has such groups.
inline bool can_have(std::uint64_t flags) {
  const int group = umcg_create_group(UMCG_API_VERSION, flags);
  if (group == -EOPNOTSUPP) return false;
  EXPECT_EQ(umcg_destroy_group(static_cast<std::uint32_t>(group)), 0);
  return true;
}

class Group {
 public:
  explicit Group(std::uint64_t flags = 0) : number_(umcg_create_group(UMCG_API_VERSION, flags)) {
    EXPECT_GT(number_, 0);
  }
  ~Group() { EXPECT_EQ(umcg_destroy_group(number()), 0); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  std::uint32_t number() const { return static_cast<std::uint32_t>(number_); }

 private:
  const int number_;
};

// The calling thread is a server for a scope.
class Server {
 public:
  explicit Server(const Group& group) {
    EXPECT_EQ(umcg_register_task(1, UMCG_REGISTER_SERVER, group.number(), &tid_), 0);
  }
  ~Server() { EXPECT_EQ(umcg_unregister_task(0), 0); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  umcg_tid tid() const { return tid_; }

  static umcg_tid poll() {
    umcg_tid worker = 0;
    int result;
    while ((result = umcg_poll_worker(0, &worker)) == -EINTR) {
    }
    EXPECT_EQ(result, 0);
    return worker;
  }
  static umcg_tid run(umcg_tid worker) {
    umcg_tid last = ~umcg_tid{0};
    EXPECT_EQ(umcg_run_worker(0, worker, &last), 0);
    return last;
  }
  // Until a worker waits or ends. Any may block on the way, on a page or a lock of the C library.
  static umcg_tid run_through(umcg_tid worker) {
    for (;;) {
      const umcg_tid last = run(worker);
      if (last == 0 || (state_of(last) & UMCG_TASK_STATE_MASK) == UMCG_TASK_RUNNABLE) return last;
      worker = poll();
    }
  }
  // Until the worker is blocked. It may block on the way too, and come back: then it is run again.
  static void run_until_blocked(umcg_tid worker) {
    EXPECT_EQ(run(worker), worker);
    while (state_of(worker) != UMCG_TASK_BLOCKED) {
      EXPECT_EQ(poll(), worker);
      EXPECT_EQ(run(worker), worker);
    }
  }
  // The loop of every server: until so many workers have ended. It begins with `worker`, if not 0.
  static void serve(std::atomic<int>& left, umcg_tid worker = 0) {
    while (left > 0) {
      if (worker == 0 && umcg_poll_worker(UMCG_POLL_NOWAIT, &worker) != 0) {
        std::this_thread::yield();
        continue;
      }
      umcg_tid last = 0;
      const int result = umcg_run_worker(0, worker, &last);
      ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -ESRCH) << result;
      if (result == 0 && last == 0) --left;
      // Nobody else will run one that was preempted, unless another worker swaps to it.
      worker = result == 0 && (state_of(last) & UMCG_TF_PREEMPTED) != 0 ? last : 0;
    }
  }

 private:
  umcg_tid tid_ = 0;
};

// A thread that is a worker while f runs.
class Worker {
 public:
  Worker(const Group& group, std::function<void()> f)
      : thread_([this, number = group.number(), f = std::move(f)] {
          umcg_tid self = 0;
          ASSERT_EQ(umcg_register_task(1, UMCG_REGISTER_WORKER, number, &self), 0);
          tid_ = self;
          f();
          ASSERT_EQ(umcg_unregister_task(0), 0);
        }) {}
  ~Worker() {
    if (thread_.joinable()) thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  void join() { thread_.join(); }
  umcg_tid tid() const { return tid_; }  // 0: has never run
  std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

 private:
  std::atomic<umcg_tid> tid_{0};
  std::thread thread_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_KERNEL_SHIM_WORKERS_UTIL_H_
