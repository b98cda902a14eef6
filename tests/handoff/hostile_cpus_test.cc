// SPDX-License-Identifier: Apache-2.0
// CPUs that are taken away, shared out or fought for while fibers block: taskset, cpusets, quotas,
// hogs, SIGSTOP, a tracer.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "handoff/steady_load.h"
#include "support/child.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "support/self.h"
#include "support/test_cgroup.h"

namespace {

using umcg_test::Child;
using umcg_test::SteadyLoad;
using umcg_test::TestCgroup;
using HostileCpus = umcg_test::HandoffTest;

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void allow(pid_t tid, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  (void)::sched_setaffinity(tid, sizeof set, &set);  // the thread may be gone
}

// As taskset -a -p does.
void allow_all_threads(const std::vector<int>& cpus) {
  DIR* const tasks = ::opendir("/proc/self/task");
  ASSERT_NE(tasks, nullptr);
  while (const dirent* entry = ::readdir(tasks)) {
    if (const int tid = std::atoi(entry->d_name); tid > 0) allow(tid, cpus);
  }
  ::closedir(tasks);
}

TEST_P(HostileCpus, TasksetToOneCpuAndBack) {
  const std::vector<int> all = usable_cpus();
  {
    SteadyLoad load;
    for (int i = 0; i < 4; ++i) {
      allow_all_threads({all[static_cast<std::size_t>(i) % all.size()]});
      EXPECT_TRUE(load.goes_on());
      allow_all_threads(all);
      EXPECT_TRUE(load.goes_on());
    }
  }
  allow(0, all);
}

TEST_P(HostileCpus, ACpusetShrinksAndGrows) {
  const std::vector<int> all = usable_cpus();
  if (all.size() < 2) GTEST_SKIP() << "one CPU only";
  TestCgroup group("cpuset");
  if (const std::string why = group.why_not(); !why.empty()) GTEST_SKIP() << why;
  const std::string both = std::to_string(all.front()) + "," + std::to_string(all.back());
  if (!group.set("cpuset.mems", "0") || !group.set("cpuset.cpus", both) || !group.enter()) {
    GTEST_SKIP() << "no cpuset can be made here";
  }
  SteadyLoad load;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(group.set("cpuset.cpus", std::to_string(i % 2 == 0 ? all.front() : all.back())));
    EXPECT_TRUE(load.goes_on());
    EXPECT_TRUE(group.set("cpuset.cpus", both));
    EXPECT_TRUE(load.goes_on());
  }
}

TEST_P(HostileCpus, AQuotaOfAFifthOfACpu) {
  TestCgroup group("cpu");
  if (const std::string why = group.why_not(); !why.empty()) GTEST_SKIP() << why;
  if (!group.set_quota(20'000, 100'000) || !group.enter()) GTEST_SKIP() << "no quota can be set";
  SteadyLoad load;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(load.goes_on());
}

// Of the same cgroup and session, on the only CPU that there is: the standby does not get to run.
TEST_P(HostileCpus, HogsOnTheSameCpu) {
  const std::vector<int> all = usable_cpus();
  allow(0, {all.front()});
  {
    const auto hog = []() -> int {
      for (;;) asm volatile("");
    };
    const Child one(hog);
    const Child two(hog);
    SteadyLoad load({.servers = 1});
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(load.goes_on());
  }
  allow(0, all);
}

TEST_P(HostileCpus, StoppedAndContinued) {
  const umcg_test::Pipe over;
  Child child([&] {
    SteadyLoad load;
    if (!load.goes_on()) return 1;
    (void)over.read();
    return load.goes_on() ? 0 : 1;
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(::kill(child.pid(), SIGSTOP), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child.pid(), &status, WUNTRACED), child.pid());
    ASSERT_TRUE(WIFSTOPPED(status));
    ::usleep(static_cast<useconds_t>(i % 5) * 1000);
    ASSERT_EQ(::kill(child.pid(), SIGCONT), 0);
    ::usleep(1000);
  }
  over.write(1);
  EXPECT_EQ(child.exit_code(), 0);
}

// What the tracer runs; by itself it is a test like others.
TEST_P(HostileCpus, UnderATracer_Traced) {
  SteadyLoad load;
  EXPECT_TRUE(load.goes_on());
}

TEST_P(HostileCpus, UnderATracer) {
  if (std::system("strace -f -o /dev/null true >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "strace is not installed or not permitted";
  }
  // LeakSanitizer wants to be the tracer itself.
  EXPECT_TRUE(umcg_test::run_self("ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null",
                                  "*UnderATracer_Traced/" + umcg_test::mode_name({GetParam(), 0})));
}

UMCG_INSTANTIATE_HANDOFFS(HostileCpus);

}  // namespace
