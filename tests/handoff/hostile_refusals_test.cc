// SPDX-License-Identifier: Apache-2.0
// Systems that refuse: sandboxes that deny system calls, no /proc, no more threads. A runtime then
// does with less, or says so by an exception; it never hangs.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "handoff/steady_load.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/handoff_modes.h"
#include "support/sanitizers.h"
#include "support/self.h"
#include "support/test_cgroup.h"
#include "umcg/event.h"
#include "umcg/scope.h"
#include "umcg/this_fiber.h"

namespace {

using umcg_test::Child;
using umcg_test::deny;
using umcg_test::SteadyLoad;
using HostileRefusals = umcg_test::HandoffTest;

enum Verdict : std::uint8_t { kGood = 0, kBad = 1, kNotPossible = 77 };

// f() in a child, which it may spoil for ever.
template <class F>
void expect_good(const char* what, F f) {
  Child child(f);
  const int verdict = child.exit_code();
  if (verdict == kNotPossible) GTEST_SKIP() << what << " is not permitted here";
  EXPECT_EQ(verdict, kGood);
}

int run_steady_load() {
  SteadyLoad load;
  return load.goes_on() && load.goes_on() ? kGood : kBad;
}

TEST_P(HostileRefusals, NoPolicyNoAffinityNoPerfEvents) {
  expect_good("seccomp", [] {
    if (!deny({SYS_perf_event_open, SYS_sched_setscheduler, SYS_sched_setattr,
               SYS_sched_setaffinity, SYS_sched_setparam})) {
      return static_cast<int>(kNotPossible);
    }
    return run_steady_load();
  });
}

TEST_P(HostileRefusals, NoAffinityAtAll) {
  if (umcg_test::kSanitized) GTEST_SKIP() << "sanitizers ask for the affinity of each thread";
  expect_good("seccomp", [] {
    if (!deny({SYS_sched_setaffinity, SYS_sched_getaffinity})) {
      return static_cast<int>(kNotPossible);
    }
    return run_steady_load();
  });
}

TEST_P(HostileRefusals, NoMembarrier) {
  expect_good("seccomp", [] {
    if (!deny({SYS_membarrier})) return static_cast<int>(kNotPossible);
    const bool fenced = umcg::Runtime({.servers = 1}).stats().barrier == "fence";
    return fenced ? run_steady_load() : static_cast<int>(kBad);
  });
}

// glibc registers no rseq area for its threads then.
TEST_P(HostileRefusals, NoRseq_Run) { EXPECT_EQ(run_steady_load(), kGood); }

TEST_P(HostileRefusals, NoRseq) {
  EXPECT_TRUE(umcg_test::run_self("GLIBC_TUNABLES=glibc.pthread.rseq=0",
                                  "*NoRseq_Run/" + umcg_test::mode_name({GetParam(), 0})));
}

TEST_P(HostileRefusals, NoProc) {
  expect_good("a mount namespace", [] {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return static_cast<int>(kNotPossible);
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      return static_cast<int>(kNotPossible);
    }
    if (::access("/proc/self", F_OK) == 0) return static_cast<int>(kBad);
    return run_steady_load();
  });
}

// --- Threads -------------------------------------------------------------------------------------

// Blocks that end by themselves: few threads make this slow, not stuck.
int run_with_few_threads() {
  try {
    umcg::Runtime rt({.servers = 2});
    std::atomic<int> done{0};
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < 50; ++i) {
      fibers.push_back(rt.spawn([&] {
        ::usleep(500);
        umcg::this_fiber::sleep_for(std::chrono::microseconds(100));
        umcg::blocking_now([] { ::usleep(100); });
        ++done;
      }));
    }
    for (auto& fiber : fibers) fiber.join();
    return done == 50 ? kGood : kBad;
  } catch (const std::system_error& e) {
    // Not even the threads that a runtime begins with.
    return e.code() == std::errc::resource_unavailable_try_again ? kGood : kBad;
  }
}

// As a user who has no other processes: those count too.
bool become_a_fresh_user() {
  constexpr unsigned kUser = 54'321;
  return ::geteuid() == 0 && ::setresuid(kUser, kUser, kUser) == 0;
}

TEST_P(HostileRefusals, FewThreadsByTheUsersLimit) {
  for (const rlim_t threads : {1, 2, 3, 4, 5, 6, 8, 12}) {
    expect_good("another user", [&] {
      const rlimit limit{threads, threads};
      if (!become_a_fresh_user() || ::setrlimit(RLIMIT_NPROC, &limit) != 0) {
        return static_cast<int>(kNotPossible);
      }
      return run_with_few_threads();
    });
  }
}

TEST_P(HostileRefusals, FewThreadsByTheCgroupsLimit) {
  umcg_test::TestCgroup group("pids");
  if (const std::string why = group.why_not(); !why.empty()) GTEST_SKIP() << why;
  for (const char* threads : {"1", "2", "3", "4", "5", "6", "8", "12"}) {
    expect_good("a limit of the cgroup", [&] {
      if (!group.set("pids.max", threads) || !group.enter()) return static_cast<int>(kNotPossible);
      return run_with_few_threads();
    });
  }
}

TEST_P(HostileRefusals, AScopeWhoseBoundChildHasNoThread) {
  expect_good("seccomp", [] {
    umcg::Runtime rt({.servers = 1});
    return rt.run([] {
      umcg::Event go;
      umcg::Scope scope;
      const umcg::this_fiber::ThreadPin pin;  // the filter is the thread's
      if (!deny({SYS_clone, SYS_clone3})) return static_cast<int>(kNotPossible);
      try {
        for (int i = 0; i < 100; ++i) scope.spawn({.bound = true}, [&] { go.wait(); });
        return static_cast<int>(kBad);
      } catch (const std::system_error&) {
        go.set();
      }
      scope.join();
      return static_cast<int>(kGood);
    });
  });
}

UMCG_INSTANTIATE_HANDOFFS(HostileRefusals);

}  // namespace
