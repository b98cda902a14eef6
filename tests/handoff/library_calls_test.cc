// SPDX-License-Identifier: Apache-2.0
// Calls of the C and C++ libraries that block, each ended by the next fiber of the same server.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "handoff/blocked_call.h"
#include "support/pipe.h"
#include "support/temp_file.h"
#include "umcg/this_fiber.h"

extern char** environ;

namespace {

using namespace std::chrono_literals;
using umcg_test::BlockedCall;
using umcg_test::Pipe;

TEST_P(BlockedCall, PipeRead) {
  const Pipe pipe;
  run([&] { EXPECT_EQ(pipe.read(), 7); }, [&] { pipe.write(7); });
}

TEST_P(BlockedCall, PipeWrite) {
  const Pipe pipe;
  const int capacity = ::fcntl(pipe.writer(), F_GETPIPE_SZ);
  ASSERT_GT(capacity, 0);
  const std::string more_than_fits(static_cast<std::size_t>(capacity) + 1, 'x');
  run(
      [&] {
        EXPECT_EQ(::write(pipe.writer(), more_than_fits.data(), more_than_fits.size()),
                  static_cast<ssize_t>(more_than_fits.size()));
      },
      [&] {
        for (std::size_t i = 0; i < more_than_fits.size();) {
          char buffer[4096];
          const ssize_t n = ::read(pipe.reader(), buffer, sizeof buffer);
          ASSERT_GT(n, 0);
          i += static_cast<std::size_t>(n);
        }
      });
}

TEST_P(BlockedCall, Flock) {
  const umcg_test::TempFile file;
  const int waiter = ::open(file.path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(waiter, 0);
  ASSERT_EQ(::flock(file.fd(), LOCK_EX), 0);
  run([&] { EXPECT_EQ(::flock(waiter, LOCK_EX), 0); },
      [&] { EXPECT_EQ(::flock(file.fd(), LOCK_UN), 0); });
  ::close(waiter);
}

TEST_P(BlockedCall, PthreadCondWait) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
  bool ready = false;
  run(
      [&] {
        pthread_mutex_lock(&mutex);
        while (!ready) pthread_cond_wait(&changed, &mutex);
        pthread_mutex_unlock(&mutex);
      },
      [&] {
        pthread_mutex_lock(&mutex);
        ready = true;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
      });
}

TEST_P(BlockedCall, StdConditionVariable) {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  run(
      [&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ready; });
      },
      [&] {
        {
          const std::lock_guard lock(mutex);
          ready = true;
        }
        changed.notify_one();
      });
}

TEST_P(BlockedCall, StdSemaphore) {
  std::binary_semaphore semaphore(0);
  run([&] { semaphore.acquire(); }, [&] { semaphore.release(); });
}

TEST_P(BlockedCall, PthreadBarrier) {
  pthread_barrier_t barrier;
  ASSERT_EQ(pthread_barrier_init(&barrier, nullptr, 2), 0);
  run([&] { pthread_barrier_wait(&barrier); }, [&] { pthread_barrier_wait(&barrier); });
  pthread_barrier_destroy(&barrier);
}

// The first fiber holds the mutex while it blocks, the second blocks on it, the third ends that.
TEST_P(BlockedCall, StdMutexHeldByABlockedFiber) {
  std::mutex mutex;
  const Pipe pipe;
  int plain = 0;
  run_fiber(
      [&] {
        const std::lock_guard lock(mutex);
        auto second = umcg::spawn([&] {
          auto third = umcg::spawn([&] { pipe.write(3); });
          {
            const std::lock_guard inner(mutex);
            ++plain;
          }
          third.join();
        });
        EXPECT_EQ(pipe.read(), 3);
        ++plain;
        second.detach();
      },
      3);
}

// Two servers: one fiber holds the mutex and blocks, one blocks on the mutex, and the third, which
// ends that, has neither server left but what hand-off gives it.
TEST_P(BlockedCall, StdMutexContendedAcrossServers) {
  std::mutex mutex;
  const Pipe pipe;
  std::atomic<bool> contended{false};
  int plain = 0;
  run_fiber(
      [&] {
        const std::lock_guard lock(mutex);
        auto second = umcg::spawn([&] {
          auto third = umcg::spawn([&] { pipe.write(3); });
          contended = true;
          {
            const std::lock_guard inner(mutex);
            ++plain;
          }
          third.join();
        });
        while (!contended) ::sched_yield();  // it is the other server that runs the second fiber
        EXPECT_EQ(pipe.read(), 3);
        ++plain;
        second.detach();
      },
      4, 2);  // a worker and a spare for each
}

TEST_P(BlockedCall, Waitpid) {
  Pipe pipe;
  run(
      [&] {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe.reader(), 0);
        std::string cat = "cat";
        char* argv[] = {cat.data(), nullptr};
        pid_t child = 0;
        ASSERT_EQ(::posix_spawnp(&child, "cat", &actions, nullptr, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        int status = -1;
        pid_t waited;
        while ((waited = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
        }
        EXPECT_EQ(waited, child);
        EXPECT_EQ(status, 0);
      },
      [&] { pipe.close_writer(); });
}

// By number, so that no library can know of it. It sleeps for a day unless a signal comes.
TEST_P(BlockedCall, RawNanosleep) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &ignore, &before), 0);
  std::atomic<pid_t> sleeper{0};
  std::atomic<bool> awake{false};
  run(
      [&] {
        sleeper = ::gettid();
        const timespec day{24 * 60 * 60, 0};
        EXPECT_EQ(::syscall(SYS_nanosleep, &day, nullptr), -1);
        awake = true;
      },
      [&] {
        while (!awake) {  // one signal could come just before the sleep begins
          if (sleeper != 0) ::tgkill(::getpid(), sleeper, SIGUSR1);
          umcg::this_fiber::sleep_for(1ms);
        }
      });
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(BlockedCall, SigtimedwaitForTheProcess) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, &before);  // the workers inherit it
  run(
      [&] {
        int number = 0;
        EXPECT_EQ(::sigwait(&set, &number), 0);
        EXPECT_EQ(number, SIGUSR2);
      },
      [] { ::kill(::getpid(), SIGUSR2); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

UMCG_INSTANTIATE_HANDOFFS_AND_OFF(BlockedCall);

}  // namespace
