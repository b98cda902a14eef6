// SPDX-License-Identifier: Apache-2.0
// Processes that fibers start and end while other fibers are blocked in the kernel.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "handoff/blocked_call.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/pipe.h"
#include "support/standard_error.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

extern char** environ;

namespace {

using ::testing::ExitedWithCode;
using umcg_test::Pipe;

int exit_code_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// By which a shell opens what this process has open.
std::string path_of(int fd) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd);
}

// Calls that start a program and wait for it: here the program waits for the next fiber.
using Processes = umcg_test::BlockedCall;

TEST_P(Processes, System) {
  Pipe pipe;
  const std::string command = "read x <" + path_of(pipe.reader()) + "; exit 5";
  run(
      [&] {
        const int status = std::system(command.c_str());
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 5);
      },
      [&] { pipe.close_writer(); });
}

TEST_P(Processes, Popen) {
  Pipe pipe;
  const std::string command = "cat <" + path_of(pipe.reader()) + "; echo over";
  run(
      [&] {
        std::FILE* const out = ::popen(command.c_str(), "r");
        ASSERT_NE(out, nullptr);
        char line[16] = "";
        EXPECT_NE(std::fgets(line, sizeof line, out), nullptr);
        EXPECT_EQ(std::string(line), "over\n");
        EXPECT_EQ(::pclose(out), 0);
      },
      [&] { pipe.close_writer(); });
}

TEST_P(Processes, ForkAndExec) {
  Pipe pipe;
  run(
      [&] {
        const pid_t child = ::fork();
        if (child == 0) {
          ::dup2(pipe.reader(), STDIN_FILENO);
          ::execl("/bin/sh", "sh", "-c", "read x; exit 6", nullptr);
          ::_exit(99);
        }
        EXPECT_EQ(exit_code_of(child), 6);
      },
      [&] { pipe.close_writer(); });  // the child's copy went when it became another program
}

TEST_P(Processes, PosixSpawn) {
  Pipe pipe;
  run(
      [&] {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe.reader(), STDIN_FILENO);
        std::string sh = "sh", c = "-c", what = "read x; exit 7";
        char* argv[] = {sh.data(), c.data(), what.data(), nullptr};
        pid_t child = 0;
        ASSERT_EQ(::posix_spawn(&child, "/bin/sh", &actions, nullptr, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        EXPECT_EQ(exit_code_of(child), 7);
      },
      [&] { pipe.close_writer(); });
}

UMCG_INSTANTIATE_HANDOFFS_AND_OFF(Processes);

// What a forked child starts with is what the process had, not what the runtime gave its threads.
using ForkedChild = umcg_test::HandoffTest;

struct Inherited {
  cpu_set_t cpus;
  sigset_t blocked;
  int policy;

  static Inherited now() {
    Inherited state{};
    EXPECT_EQ(::sched_getaffinity(0, sizeof state.cpus, &state.cpus), 0);
    EXPECT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &state.blocked), 0);
    state.policy = ::sched_getscheduler(0);
    return state;
  }
  bool operator==(const Inherited& other) const {
    for (int i = 1; i < NSIG; ++i) {
      if (::sigismember(&blocked, i) != ::sigismember(&other.blocked, i)) return false;
    }
    return CPU_EQUAL(&cpus, &other.cpus) && policy == other.policy;
  }
};

TEST_P(ForkedChild, HasTheAffinityTheMaskAndThePolicyOfTheProcess) {
  const Inherited outside = Inherited::now();
  umcg::Runtime rt({.servers = 2});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(rt.run([&] {
      ::usleep(500);
      const pid_t child = ::fork();
      if (child == 0) ::_exit(Inherited::now() == outside ? 0 : 1);
      return exit_code_of(child);
    }),
              0);
  }
}

TEST_P(ForkedChild, OfAFiberWhoseServerIsGone) {
  umcg::Runtime rt({.servers = 1});
  const Pipe pipe;
  umcg::Fiber<> behind;
  EXPECT_EQ(rt.run([&] {
    behind = umcg::spawn([&] { pipe.write(1); });
    EXPECT_EQ(pipe.read(), 1);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(8);
    return exit_code_of(child);
  }),
            8);
  behind.join();
}

// The counters are memory that the child shares (live_page.h).
TEST_P(ForkedChild, ThatUsesTheRuntimeIsToldSoAndCountsNothing) {
  umcg::Runtime rt({.servers = 1});
  rt.run([&] {
    const umcg_test::StandardError error;
    const umcg::Stats before = rt.stats();
    const auto expect_death_by = [&](auto use) {
      const pid_t child = ::fork();
      if (child == 0) {
        use();
        ::_exit(0);
      }
      ASSERT_EQ(exit_code_of(child), 1000 + SIGABRT);
      (void)error.lines_to("used in a forked child");
    };
    expect_death_by([] { umcg::this_fiber::yield(); });
    expect_death_by([] { umcg::post([] {}); });
    expect_death_by([] { umcg::this_fiber::sleep_for(std::chrono::hours(1)); });
    const umcg::Stats after = rt.stats();
    EXPECT_EQ(after.fibers_started, before.fibers_started);
    EXPECT_EQ(after.parks, before.parks);
    EXPECT_EQ(after.yields, before.yields);
    EXPECT_EQ(after.injected, before.injected);
  });
}

UMCG_INSTANTIATE_HANDOFFS(ForkedChild);

class ExitOfAFiber : public umcg_test::HandoffTest {
 protected:
  ExitOfAFiber() { umcg_test::prepare_for_deaths(); }
};

TEST_P(ExitOfAFiber, WhileOthersAreBlocked) {
  EXPECT_EXIT(
      {
        static umcg::Runtime rt({.servers = 2});
        static const Pipe& pipe = *new Pipe;  // exit() must not destroy what is in use
        static std::atomic<int> reading{0};
        for (int i = 0; i < 4; ++i) {
          rt.post([] {
            ++reading;
            (void)pipe.read();
          });
        }
        rt.run([] {
          if (!umcg_test::eventually([] { return reading == 4; })) ::_exit(1);
          std::exit(5);
        });
      },
      ExitedWithCode(5), "");
}

TEST_P(ExitOfAFiber, WhoseServerIsGone) {
  EXPECT_EXIT(
      {
        static umcg::Runtime rt({.servers = 1, .max_workers = 2});
        static const Pipe pipe;
        rt.run([] {
          umcg::post([] { pipe.write(1); });
          (void)pipe.read();
          std::exit(6);
        });
      },
      ExitedWithCode(6), "");
}

UMCG_INSTANTIATE_HANDOFFS(ExitOfAFiber);

}  // namespace
