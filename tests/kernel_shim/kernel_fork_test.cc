// SPDX-License-Identifier: Apache-2.0
// kernel_fork_test.cc - a forked child has no tasks, and none of the parent's names.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "test_util.h"

namespace {

using umcg_test::Registered;

// Runs f in a child; returns what it returned. No gtest in there: it would report in the parent's
// name.
template <class F>
int in_child(F f) {
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

#define REQUIRE(condition) \
  if (!(condition)) return __LINE__ % 256

TEST(KernelFork, ChildIsNotRegistered) {
  std::atomic<umcg_tid> other{0};
  std::thread sleeping([&] {
    Registered registered;
    other = registered.tid();
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
  });
  Registered self;
  while (other == 0) std::this_thread::yield();
  const umcg_tid tids[] = {self.tid(), other};

  const auto has_none = [&] {
    const timespec past = {.tv_sec = 0, .tv_nsec = 0};
    uint32_t state;
    REQUIRE(umcg_unregister_task(0) == -EINVAL);
    REQUIRE(umcg_wait(0, &past) == -EINVAL);
    REQUIRE(umcg_swap(0, other, 0, &past) == -EINVAL);
    for (umcg_tid tid : tids) {
      REQUIRE(umcg_wake(0, tid) == -ESRCH);
      REQUIRE(umcg_get_task_state(tid, &state) == -ESRCH);
    }
    return 0;
  };
  EXPECT_EQ(in_child(has_none), 0) << "line";

  const auto registers_anew = [&] {
    umcg_tid mine = 0;
    REQUIRE(umcg_register_task(UMCG_API_VERSION, 0, UMCG_NOID, &mine) == 0);
    for (umcg_tid tid : tids) REQUIRE(tid != mine && umcg_wake(0, tid) == -ESRCH);
    REQUIRE(umcg_wake(0, mine) == 0);
    REQUIRE(umcg_wait(0, nullptr) == 0);
    // The child's child starts from nothing as well.
    REQUIRE(in_child([&] {
              umcg_tid again = 0;
              REQUIRE(has_none() == 0);
              REQUIRE(umcg_wake(0, mine) == -ESRCH);
              REQUIRE(umcg_register_task(UMCG_API_VERSION, 0, UMCG_NOID, &again) == 0);
              REQUIRE(again != mine && umcg_wake(0, mine) == -ESRCH);
              return umcg_unregister_task(0);
            }) == 0);
    return umcg_unregister_task(0);
  };
  EXPECT_EQ(in_child(registers_anew), 0) << "line";

  // The parent has not noticed.
  EXPECT_EQ(umcg_wake(0, self.tid()), 0);
  EXPECT_EQ(umcg_wait(0, nullptr), 0);
  EXPECT_EQ(umcg_wake(0, other), 0);
  sleeping.join();
}

// A free list of the parent must not be seen in the child either.
TEST(KernelFork, ChildReusesSlotsUnderNewNames) {
  umcg_tid gone = 0;
  for (int i = 0; i < 5; ++i) {
    Registered self;
    gone = self.tid();
  }
  EXPECT_EQ(in_child([&] {
              for (int i = 0; i < 5; ++i) {
                umcg_tid mine = 0;
                REQUIRE(umcg_register_task(UMCG_API_VERSION, 0, UMCG_NOID, &mine) == 0);
                REQUIRE(mine != gone && umcg_wake(0, gone) == -ESRCH);
                REQUIRE(umcg_unregister_task(0) == 0);
              }
              return 0;
            }),
            0)
      << "line";
}

}  // namespace
