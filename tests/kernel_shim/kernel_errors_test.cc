// SPDX-License-Identifier: Apache-2.0
// kernel_errors_test.cc - every error code of umcg/kernel.h, and what it leaves behind.
#include <cerrno>

#include "test_util.h"

namespace {

using umcg_test::Registered;

int register_task(umcg_tid* self, uint32_t version = UMCG_API_VERSION,
                  uint32_t flags = UMCG_REGISTER_CORE_TASK, uint32_t group = UMCG_NOID) {
  return umcg_register_task(version, flags, group, self);
}

uint32_t state_of(umcg_tid tid) {
  uint32_t state = UMCG_TASK_NONE;
  EXPECT_EQ(umcg_get_task_state(tid, &state), 0);
  return state;
}

TEST(KernelErrors, ApiVersion) {
  EXPECT_EQ(umcg_api_version(1, 0), 0);
  EXPECT_EQ(umcg_api_version(1234, 0), 1);
  EXPECT_EQ(umcg_api_version(0, 0), 1);
  EXPECT_EQ(umcg_api_version(1, 1), -EINVAL);
}

TEST(KernelErrors, Register) {
  umcg_tid tid = 0;
  EXPECT_EQ(register_task(&tid, 2), -EOPNOTSUPP);
  EXPECT_EQ(register_task(&tid, 0), -EOPNOTSUPP);
  EXPECT_EQ(register_task(&tid, 1, 4), -EINVAL);
  EXPECT_EQ(register_task(&tid, 1, 0, 0), -EINVAL);
  EXPECT_EQ(register_task(nullptr), -EINVAL);
  EXPECT_EQ(tid, 0u);
  EXPECT_EQ(umcg_unregister_task(0), -EINVAL);

  ASSERT_EQ(register_task(&tid), 0);
  EXPECT_NE(tid, 0u);
  EXPECT_EQ(state_of(tid), UMCG_TASK_RUNNING);
  umcg_tid again = 0;
  EXPECT_EQ(register_task(&again), -EINVAL);
  EXPECT_EQ(again, 0u);
  EXPECT_EQ(umcg_unregister_task(1), -EINVAL);
  EXPECT_EQ(umcg_unregister_task(0), 0);
  EXPECT_EQ(umcg_unregister_task(0), -EINVAL);

  umcg_tid next = 0;
  ASSERT_EQ(register_task(&next), 0);
  EXPECT_NE(next, tid);
  EXPECT_EQ(umcg_unregister_task(0), 0);
}

TEST(KernelErrors, Wait) {
  EXPECT_EQ(umcg_wait(0, nullptr), -EINVAL);
  Registered self;
  EXPECT_EQ(umcg_wait(1, nullptr), -EINVAL);
  for (const timespec bad : {timespec{0, -1}, timespec{0, 1'000'000'000}, timespec{-1, 0}}) {
    EXPECT_EQ(umcg_wait(0, &bad), -EINVAL);
  }
  EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING);
  for (const timespec past : {timespec{0, 0}, timespec{0, 1}, umcg_test::to_timespec(1)}) {
    EXPECT_EQ(umcg_wait(0, &past), -ETIMEDOUT);
    EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING);
  }
}

TEST(KernelErrors, WaitWaitsForItsTime) {
  Registered self;
  const int64_t end = umcg_test::now_ns() + 2'000'000;
  const timespec deadline = umcg_test::to_timespec(end);
  EXPECT_EQ(umcg_wait(0, &deadline), -ETIMEDOUT);
  EXPECT_GE(umcg_test::now_ns(), end);
}

TEST(KernelErrors, WakeUpsQueuedEndAnyWait) {
  Registered self;
  const timespec far = {.tv_sec = INT64_MAX, .tv_nsec = 999'999'999};
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  for (const timespec* deadline : {static_cast<const timespec*>(nullptr), &far, &past}) {
    EXPECT_EQ(umcg_wake(0, self.tid()), 0);
    EXPECT_EQ(umcg_wake(0, self.tid()), -EAGAIN);
    EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING | UMCG_TF_WAKEUP_QUEUED);
    EXPECT_EQ(umcg_wait(0, deadline), 0);
    EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING);
  }
  EXPECT_EQ(umcg_wait(0, &past), -ETIMEDOUT) << "only one was queued";
}

TEST(KernelErrors, Wake) {
  EXPECT_EQ(umcg_wake(0, 0), -EINVAL);
  Registered self;
  EXPECT_EQ(umcg_wake(1, self.tid()), -EINVAL);
  EXPECT_EQ(umcg_wake(0, self.tid() + (umcg_tid{1} << 32)), -ESRCH) << "a later generation";
  EXPECT_EQ(umcg_wake(0, self.tid() & UINT32_MAX), -ESRCH) << "no generation";
  EXPECT_EQ(umcg_wake(0, self.tid() & ~umcg_tid{UINT32_MAX}), -ESRCH) << "no slot";
  for (int bit = 6; bit < 32; ++bit) {
    EXPECT_EQ(umcg_wake(0, self.tid() + (umcg_tid{1} << bit)), -ESRCH) << "slot beyond 2^" << bit;
  }
  EXPECT_EQ(umcg_wake(0, UINT64_MAX), -ESRCH);
  EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING);
}

TEST(KernelErrors, Swap) {
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  const timespec bad = {.tv_sec = 0, .tv_nsec = -1};
  umcg_tid other = 0;
  std::thread([&] { EXPECT_EQ(register_task(&other), 0); }).join();
  EXPECT_EQ(umcg_swap(0, other, 0, &past), -EINVAL) << "not registered";

  Registered self;
  EXPECT_EQ(umcg_swap(0, 0, 0, &past), -EINVAL);
  EXPECT_EQ(umcg_swap(0, self.tid(), 0, &past), -EINVAL);
  EXPECT_EQ(umcg_swap(0, other, 0, &past), -ESRCH);
  EXPECT_EQ(umcg_swap(1, other, 0, &past), -EINVAL);
  EXPECT_EQ(umcg_swap(0, other, 1, &past), -EINVAL);
  EXPECT_EQ(umcg_swap(0, other, 0, &bad), -EINVAL);
  EXPECT_EQ(state_of(self.tid()), UMCG_TASK_RUNNING);
}

TEST(KernelErrors, GetTaskState) {
  Registered self;
  uint32_t state = 77;
  EXPECT_EQ(umcg_get_task_state(0, &state), -EINVAL);
  EXPECT_EQ(umcg_get_task_state(self.tid(), nullptr), -EINVAL);
  EXPECT_EQ(umcg_get_task_state(self.tid() + 1, &state), -ESRCH);
  EXPECT_EQ(state, 77u);
}

TEST(KernelErrors, ErrnoIsLeftAlone) {
  Registered self;
  const timespec past = {.tv_sec = 0, .tv_nsec = 0};
  errno = 4321;
  EXPECT_EQ(umcg_wait(0, &past), -ETIMEDOUT);
  EXPECT_EQ(umcg_wake(0, 0), -EINVAL);
  EXPECT_EQ(umcg_swap(0, self.tid(), 0, nullptr), -EINVAL);
  EXPECT_EQ(errno, 4321);
}

}  // namespace
