// SPDX-License-Identifier: Apache-2.0
// How many servers there are: the affinity mask counts, not the CPUs of the machine.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

cpu_set_t affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return set;
}

// The kth CPU that this process may use; -1 if there are not so many.
int usable_cpu(int k) {
  const cpu_set_t set = affinity();
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set) && k-- == 0) return cpu;
  }
  return -1;
}

void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) ::_exit(90);
}

// A cgroup quota may allow fewer than the mask, never more.
TEST(Affinity, NoMoreServersThanUsableCpus) {
  const umcg::Runtime rt;
  const cpu_set_t set = affinity();
  EXPECT_GE(rt.stats().servers, 1U);
  EXPECT_LE(rt.stats().servers, static_cast<unsigned>(CPU_COUNT(&set)));
}

TEST(Affinity, AskedForIsGiven) {
  for (int servers : {1, 2, 3, 7}) {
    umcg::Runtime rt({.servers = servers});
    EXPECT_EQ(rt.stats().servers, static_cast<unsigned>(servers));
    EXPECT_EQ(rt.run([] { return 1; }), 1);
  }
}

TEST(Affinity, TheCallersMaskIsLeftAlone) {
  const cpu_set_t before = affinity();
  {
    umcg::Runtime rt({.pin_servers = true});
    rt.run([] {});
    const cpu_set_t during = affinity();
    EXPECT_TRUE(CPU_EQUAL(&before, &during));
  }
  const cpu_set_t after = affinity();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

class AffinityDeathTest : public umcg_test::DeathTest {};

TEST_F(AffinityDeathTest, OneCpuGivesOneServer) {
  for (int k : {0, 1}) {
    const int cpu = usable_cpu(k);
    if (cpu < 0) continue;
    EXPECT_EXIT(
        {
          bind_to(cpu);
          umcg::Runtime rt;
          const auto servers = rt.stats().servers;
          const int ran_on = rt.run([] { return ::sched_getcpu(); });
          ::_exit(servers == 1 && ran_on == cpu ? 20 : 21);
        },
        ::testing::ExitedWithCode(20), "");
  }
}

TEST_F(AffinityDeathTest, PinnedServersStayWithinTheMask) {
  const int cpu = usable_cpu(1);
  if (cpu < 0) GTEST_SKIP() << "one CPU only";
  EXPECT_EXIT(
      {
        bind_to(cpu);
        umcg::Runtime rt({.servers = 2, .pin_servers = true});
        for (int i = 0; i < 100; ++i) {
          if (rt.run([] { return ::sched_getcpu(); }) != cpu) ::_exit(21);
        }
        ::_exit(20);
      },
      ::testing::ExitedWithCode(20), "");
}

}  // namespace
