// SPDX-License-Identifier: Apache-2.0
// The ways a process may end or split while a runtime lives: exit(), _exit(), fork(), exec().
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "support/death.h"
#include "support/matrix.h"
#include "support/standbys_gone.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

extern char** environ;

namespace {

using ::testing::ExitedWithCode;

int wait_for_child(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

using Fork = umcg_test::MatrixTest;

TEST_P(Fork, ChildOfAFiberMayExit) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 5; ++i) {
    const int code = rt.run([i] {
      const pid_t pid = ::fork();
      if (pid == 0) ::_exit(40 + i);
      return wait_for_child(pid);
    });
    EXPECT_EQ(code, 40 + i);
  }
  EXPECT_EQ(rt.run([] { return 1; }), 1) << "the parent's runtime goes on";
}

TEST_P(Fork, ChildOfAFiberMayExec) {
  umcg::Runtime rt(options());
  const int code = rt.run([] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
      ::_exit(99);
    }
    return wait_for_child(pid);
  });
  EXPECT_EQ(code, 7);
}

TEST_P(Fork, PosixSpawnFromAFiber) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::string sh = "sh";
    std::string c = "-c";
    std::string what = "exit 8";
    char* argv[] = {sh.data(), c.data(), what.data(), nullptr};
    pid_t pid = 0;
    ASSERT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv, environ), 0);
    EXPECT_EQ(wait_for_child(pid), 8);
  });
}

TEST_P(Fork, ManyFibersForkAtOnce) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<int>> fibers;
  for (int i = 0; i < 10; ++i) {
    fibers.push_back(rt.spawn([i] {
      umcg::this_fiber::yield();
      const pid_t pid = ::fork();
      if (pid == 0) ::_exit(i);
      return wait_for_child(pid);
    }));
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(fibers[static_cast<std::size_t>(i)].join(), i);
}

// In the child the parent's runtime has no threads: its destructor must not wait for them.
TEST_P(Fork, ChildMayDestroyTheRuntime) {
  auto rt = std::make_unique<umcg::Runtime>(options());
  rt->post([] { (void)umcg::Event().wait(umcg::this_fiber::get_stop_token()); });
  const pid_t pid = ::fork();
  if (pid == 0) {
    rt.reset();
    ::_exit(3);
  }
  EXPECT_EQ(wait_for_child(pid), 3);
}

// This thread has waited for a runtime before; in the child it waits for another one.
TEST_P(Fork, ChildMayMakeARuntimeOfItsOwn) {
  EXPECT_EQ(umcg::Runtime(options()).run([] { return 1; }), 1);
  umcg_test::await_end_of_standbys();
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      umcg::Runtime rt(options());
      const int sum = rt.run([] {
        umcg::Fiber<int> inner = umcg::spawn([] {
          umcg::this_fiber::yield();
          return 20;
        });
        return inner.join() + 22;
      });
      ::_exit(sum);
    }
    EXPECT_EQ(wait_for_child(pid), 42);
  }
}

UMCG_INSTANTIATE_MATRIX(Fork);

class ExitDeathTest : public umcg_test::DeathTest {};

TEST_F(ExitDeathTest, ExitInsideAFiberOfALocalRuntime) {
  EXPECT_EXIT(
      {
        umcg::Runtime rt;
        rt.run([] { std::exit(5); });
      },
      ExitedWithCode(5), "");
}

TEST_F(ExitDeathTest, ExitInsideAFiberOfAStaticRuntime) {
  EXPECT_EXIT(
      {
        static umcg::Runtime rt;
        rt.post([] { (void)umcg::Event().wait(umcg::this_fiber::get_stop_token()); });
        rt.run([] { std::exit(6); });
      },
      ExitedWithCode(6), "");
}

TEST_F(ExitDeathTest, ExitOfMainWhileFibersOfAStaticRuntimeWait) {
  EXPECT_EXIT(
      {
        static umcg::Runtime rt;
        rt.post([](std::stop_token stop) {
          (void)umcg::Event().wait(stop);
          std::fputs("stopped in order\n", stderr);
        });
        std::exit(7);
      },
      ExitedWithCode(7), "stopped in order");
}

TEST_F(ExitDeathTest, AtexitHandlersRun) {
  EXPECT_EXIT(
      {
        std::atexit([] { std::fputs("handler ran\n", stderr); });
        umcg::Runtime rt;
        rt.run([] { std::exit(8); });
      },
      ExitedWithCode(8), "handler ran");
}

TEST_F(ExitDeathTest, UnderscoreExitInsideAFiber) {
  EXPECT_EXIT(
      {
        umcg::Runtime rt;
        rt.run([] { ::_exit(9); });
      },
      ExitedWithCode(9), "");
}

TEST_F(ExitDeathTest, SpawnInAForkedChildAbortsByName) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        const pid_t pid = ::fork();
        if (pid == 0) {
          rt.post([] {});
          ::_exit(0);
        }
        const int code = wait_for_child(pid);
        ::_exit(code >= 1000 ? 1 : 0);  // the child's message is on the same stderr
      },
      "umcg:.*fork");
}

}  // namespace
