// SPDX-License-Identifier: Apache-2.0
// workers_errors_test.cc - every error code of umcg/kernel_workers.h, and what it leaves behind.
#include <atomic>
#include <cerrno>
#include <vector>

#include "support/pipe.h"
#include "support/sanitizers.h"
#include "workers_util.h"

namespace {

using umcg_test::Group;
using umcg_test::register_as;
using umcg_test::Server;
using umcg_test::state_of;
using umcg_test::Worker;

constexpr std::uint32_t kNoGroup = 0x7ffffff0;

TEST(WorkersErrors, Groups) {
  EXPECT_EQ(umcg_create_group(2, 0), -EOPNOTSUPP);
  EXPECT_EQ(umcg_create_group(UMCG_API_VERSION, 4), -EINVAL);
  EXPECT_EQ(umcg_create_group(UMCG_API_VERSION, std::uint64_t{1} << 63), -EINVAL);
  for (const std::uint32_t number : {0u, kNoGroup, UINT32_MAX}) {
    EXPECT_EQ(umcg_destroy_group(number), -ESRCH);
  }
  const int first = umcg_create_group(UMCG_API_VERSION, 0);
  ASSERT_GT(first, 0);
  EXPECT_EQ(umcg_destroy_group(static_cast<std::uint32_t>(first)), 0);
  EXPECT_EQ(umcg_destroy_group(static_cast<std::uint32_t>(first)), -ESRCH);
  Group second;
  EXPECT_NE(second.number(), static_cast<std::uint32_t>(first));
  Server server(second);
  EXPECT_EQ(umcg_destroy_group(second.number()), -EBUSY);
}

TEST(WorkersErrors, GroupsRunOut) {
  if (umcg_test::kSanitized) GTEST_SKIP() << "a thousand threads take a sanitizer long";
  std::vector<int> groups;
  int group;
  while ((group = umcg_create_group(UMCG_API_VERSION, 0)) > 0 && groups.size() < 2000) {
    groups.push_back(group);
  }
  EXPECT_EQ(group, -ENOMEM);
  EXPECT_FALSE(groups.empty());
  for (const int number : groups) {
    EXPECT_EQ(umcg_destroy_group(static_cast<std::uint32_t>(number)), 0);
  }
  Group again;
}

TEST(WorkersErrors, Register) {
  Group group;
  const int number = static_cast<int>(group.number());
  umcg_tid self = 0;
  EXPECT_EQ(umcg_register_task(2, UMCG_REGISTER_SERVER, group.number(), &self), -EOPNOTSUPP);
  EXPECT_EQ(register_as(3, number, &self), -EINVAL);
  EXPECT_EQ(register_as(UMCG_REGISTER_CORE_TASK, number, &self), -EINVAL);
  EXPECT_EQ(register_as(UMCG_REGISTER_SERVER, number, nullptr), -EINVAL);
  for (const std::uint32_t role : {UMCG_REGISTER_WORKER, UMCG_REGISTER_SERVER}) {
    EXPECT_EQ(umcg_register_task(1, role, UMCG_NOID, &self), -ESRCH);
    EXPECT_EQ(umcg_register_task(1, role, kNoGroup, &self), -ESRCH);
  }
  EXPECT_EQ(self, 0u);
  Server server(group);
  EXPECT_EQ(register_as(UMCG_REGISTER_SERVER, number, &self), -EINVAL);
  EXPECT_EQ(register_as(UMCG_REGISTER_CORE_TASK, -1, &self), -EINVAL);
  EXPECT_EQ(self, 0u);
  EXPECT_EQ(umcg_unregister_task(1), -EINVAL);
}

TEST(WorkersErrors, NotForServers) {
  Group group;
  Server server(group);
  const timespec past{0, 0};
  EXPECT_EQ(umcg_wait(0, &past), -EINVAL);
  EXPECT_EQ(umcg_wake(0, server.tid()), -EINVAL);
  EXPECT_EQ(umcg_swap(0, server.tid(), 0, &past), -EINVAL);
  EXPECT_EQ(umcg_preempt_worker(0, server.tid()), -EINVAL);
  umcg_tid last = 7;
  EXPECT_EQ(umcg_run_worker(0, server.tid(), &last), -EINVAL);
  EXPECT_EQ(last, 7u);
  EXPECT_EQ(state_of(server.tid()), UMCG_TASK_PROCESSING);
}

TEST(WorkersErrors, ForServersOnly) {
  umcg_tid tid = 7;
  EXPECT_EQ(umcg_poll_worker(UMCG_POLL_NOWAIT, &tid), -EINVAL) << "not registered";
  EXPECT_EQ(umcg_run_worker(0, 1, &tid), -EINVAL);
  {
    umcg_test::Registered core;
    EXPECT_EQ(umcg_poll_worker(UMCG_POLL_NOWAIT, &tid), -EINVAL) << "a core task";
    EXPECT_EQ(umcg_run_worker(0, core.tid(), &tid), -EINVAL);
    EXPECT_EQ(umcg_preempt_worker(0, core.tid()), -EINVAL);
  }
  Group group;
  std::atomic<int> failures{0};
  Worker worker(group, [&] {
    umcg_tid other = 7;
    failures += umcg_poll_worker(UMCG_POLL_NOWAIT, &other) != -EINVAL;
    failures += umcg_run_worker(0, worker.tid(), &other) != -EINVAL;
    failures += umcg_swap(0, worker.tid(), 0, nullptr) != -EINVAL;
    failures += umcg_swap(0, 0, 0, nullptr) != -EINVAL;
    failures += umcg_swap(1, worker.tid(), 0, nullptr) != -EINVAL;
    failures += umcg_wait(1, nullptr) != -EINVAL;
    failures += other != 7;
  });
  Server server(group);
  EXPECT_EQ(Server::run_through(Server::poll()), 0u);
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(tid, 7u);
}

TEST(WorkersErrors, PollAndRun) {
  Group group;
  Group other_group;
  umcg_test::Pipe pipe;
  Worker worker(group, [&] { EXPECT_EQ(umcg_wait(0, nullptr), 0); });
  umcg_tid tid = 0;
  umcg_tid last = 7;
  {
    Server server(group);
    EXPECT_EQ(umcg_poll_worker(2, &tid), -EINVAL);
    EXPECT_EQ(umcg_poll_worker(0, nullptr), -EINVAL);
    tid = Server::poll();
    EXPECT_EQ(umcg_poll_worker(UMCG_POLL_NOWAIT, &last), -EAGAIN);
    EXPECT_EQ(umcg_run_worker(1, tid, &last), -EINVAL);
    EXPECT_EQ(umcg_run_worker(0, tid, nullptr), -EINVAL);
    EXPECT_EQ(umcg_run_worker(0, 0, &last), -EINVAL);
    EXPECT_EQ(umcg_run_worker(0, tid + (umcg_tid{1} << 32), &last), -ESRCH) << "another generation";
    EXPECT_EQ(umcg_run_worker(0, UINT64_MAX, &last), -ESRCH);
    EXPECT_EQ(umcg_wake(0, UINT64_MAX), -ESRCH);
    std::uint32_t state = 7;
    EXPECT_EQ(umcg_get_task_state(UINT64_MAX, &state), -ESRCH);
    EXPECT_EQ(state, 7u);
    EXPECT_EQ(umcg_preempt_worker(1, tid), -EINVAL);
    EXPECT_EQ(umcg_preempt_worker(0, tid), -EINVAL) << "a group without the flag";
    EXPECT_EQ(umcg_preempt_worker(0, UINT64_MAX), -ESRCH);
  }
  {
    Server stranger(other_group);
    EXPECT_EQ(umcg_run_worker(0, tid, &last), -EINVAL) << "another group's worker";
  }
  Server server(group);
  EXPECT_EQ(last, 7u);
  EXPECT_EQ(Server::run_through(tid), tid);
  EXPECT_EQ(umcg_wake(0, tid), 0);
  EXPECT_EQ(umcg_run_worker(0, tid, &last), -EAGAIN) << "UNBLOCKED: it has to be polled";
  EXPECT_EQ(state_of(server.tid()), UMCG_TASK_PROCESSING);
  EXPECT_EQ(Server::run_through(Server::poll()), 0u);
  EXPECT_EQ(umcg_run_worker(0, tid, &last), -ESRCH);
}

TEST(WorkersErrors, PreemptOfOneThatDoesNotRun) {
  if (!umcg_test::can_have(UMCG_GROUP_PREEMPTION)) GTEST_SKIP() << "not in this build";
  Group group(UMCG_GROUP_PREEMPTION);
  Worker worker(group, [&] { EXPECT_EQ(umcg_wait(0, nullptr), 0); });
  Server server(group);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(umcg_preempt_worker(0, tid), -EAGAIN);
  EXPECT_EQ(Server::run_through(tid), tid);
  EXPECT_EQ(umcg_preempt_worker(0, tid), -EAGAIN);
  EXPECT_EQ(Server::run_through(tid), 0u);
  EXPECT_EQ(umcg_preempt_worker(0, tid), -ESRCH);
}

TEST(WorkersErrors, ErrnoIsLeftAlone) {
  errno = 4321;
  {
    Group group(umcg_test::can_have(UMCG_GROUP_PARK) ? UMCG_GROUP_PARK : 0);
    std::atomic<int> workers_errno{0};
    Worker worker(group, [&] {
      errno = 1234;
      const timespec soon = umcg_test::to_timespec(umcg_test::now_ns() + 1'000'000);
      EXPECT_EQ(umcg_wait(0, &soon), -ETIMEDOUT);
      workers_errno = errno;
    });
    Server server(group);
    while (Server::run_through(Server::poll()) != 0) {
    }
    EXPECT_EQ(workers_errno, 1234);
  }
  EXPECT_EQ(errno, 4321);
}

}  // namespace
