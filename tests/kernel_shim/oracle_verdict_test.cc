// SPDX-License-Identifier: Apache-2.0
// oracle_verdict_test.cc - each oracle sees the usual ways to block, and does not take a thread
// that runs or could run for a blocked one.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <mutex>

#include "oracle_case.h"
#include "stopper.h"
#include "support/on_one_cpu.h"
#include "support/sanitizers.h"
#include "test_util.h"
#include "watched.h"

namespace {

using umcg::internal::shim::Look;
using umcg_test::scaled;
using umcg_test::Watched;

class OracleVerdict : public umcg_test::OracleCase {
 protected:
  // The thread is about to block; `unblock` ends that.
  void expect_blocked_until(Watched& thread, const std::function<void()>& unblock) {
    ASSERT_TRUE(thread.is_attached());
    // The first looks may find it on its way: blocked on a page, or, for the clock, without a CPU.
    constexpr int kTries = 3;
    int blocked = 0;
    for (int tries = 0; tries < kTries && blocked < 95; ++tries) {
      EXPECT_TRUE(thread.becomes(Look::kBlocked));
      blocked = 0;
      for (int i = 0; i < 100; ++i) blocked += thread.look() == Look::kBlocked;
    }
    EXPECT_GE(blocked, 95);  // a stop of the whole process wakes sleepers for a moment
    unblock();
    EXPECT_TRUE(thread.has_computed());
    EXPECT_TRUE(thread.becomes(Look::kRuns));
  }
};
UMCG_TEST_ALL_ORACLES(OracleVerdict);

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(fds_), 0); }
  ~Pipe() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int out() const { return fds_[0]; }
  void put() { EXPECT_EQ(::write(fds_[1], "x", 1), 1); }

 private:
  int fds_[2];
};

TEST_P(OracleVerdict, Read) {
  Pipe pipe;
  Watched thread(oracle(), [&] {
    char c;
    EXPECT_EQ(::read(pipe.out(), &c, 1), 1);
  });
  expect_blocked_until(thread, [&] { pipe.put(); });
}

TEST_P(OracleVerdict, Poll) {
  Pipe pipe;
  Watched thread(oracle(), [&] {
    pollfd wanted{pipe.out(), POLLIN, 0};
    EXPECT_EQ(::poll(&wanted, 1, -1), 1);
  });
  expect_blocked_until(thread, [&] { pipe.put(); });
}

TEST_P(OracleVerdict, EpollWait) {
  Pipe pipe;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, pipe.out(), &event), 0);
  Watched thread(oracle(), [&] {
    epoll_event ready;
    EXPECT_EQ(::epoll_wait(epoll, &ready, 1, -1), 1);
  });
  expect_blocked_until(thread, [&] { pipe.put(); });
  ::close(epoll);
}

TEST_P(OracleVerdict, ContendedMutex) {
  std::mutex mutex;
  std::unique_lock held(mutex);
  Watched thread(oracle(), [&] { std::lock_guard lock(mutex); });
  expect_blocked_until(thread, [&] { held.unlock(); });
}

TEST_P(OracleVerdict, Nanosleep) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  Watched thread(oracle(), [] {
    const timespec long_time{3600, 0};
    EXPECT_EQ(::nanosleep(&long_time, nullptr), -1);
  });
  expect_blocked_until(thread, [&] { ::pthread_kill(thread.native_handle(), SIGUSR1); });
}

// Only looks between which the thread has run count: the clock cannot tell one that waits for a CPU
// from a blocked one.
TEST_P(OracleVerdict, Computing) {
  Watched thread(oracle());
  ASSERT_TRUE(thread.is_attached());
  ASSERT_TRUE(thread.has_computed());
  (void)thread.look();
  const int looks = scaled(500);
  int blocked = 0;
  for (int i = 0; i < looks; ++i) {
    ASSERT_TRUE(thread.has_computed());
    blocked += thread.look() == Look::kBlocked;
  }
  EXPECT_LE(blocked, looks / 100);
}

TEST_P(OracleVerdict, WaitingForACpu) {
  if (GetParam() == Kind::kClock) GTEST_SKIP() << "a clock cannot tell";
  umcg_test::OnOneCpu one_cpu;  // where it cannot run while it is looked at
  Watched thread(oracle());
  ASSERT_TRUE(thread.is_attached());
  ASSERT_TRUE(thread.has_computed());
  const int looks = scaled(500);
  int blocked = 0;
  for (int i = 0; i < looks; ++i) {
    if (i % 100 == 0) {
      ASSERT_TRUE(thread.has_computed());
    }
    blocked += thread.look() == Look::kBlocked;
  }
  EXPECT_LE(blocked, looks / 100);
}

// As a debugger does, or strace at each system call.
TEST_P(OracleVerdict, Stopped) {
  if (GetParam() == Kind::kClock || GetParam() == Kind::kPerf) GTEST_SKIP() << "cannot tell";
  Watched thread(oracle());
  ASSERT_TRUE(thread.is_attached());
  ASSERT_TRUE(thread.has_computed());
  umcg_test::Stopper stopper(thread.tid());
  if (!stopper.has_stopped_it()) GTEST_SKIP() << "ptrace is not permitted";
  for (int i = 0; i < 100; ++i) EXPECT_NE(thread.look(), Look::kBlocked);
  stopper.let_go();
  EXPECT_TRUE(thread.has_computed());
  EXPECT_TRUE(thread.becomes(Look::kRuns));
}

TEST_P(OracleVerdict, StopsAndContinuationsOfTheProcess) {
  if (GetParam() == Kind::kClock || GetParam() == Kind::kPerf) GTEST_SKIP() << "cannot tell";
  Watched thread(oracle());
  ASSERT_TRUE(thread.is_attached());
  ASSERT_TRUE(thread.has_computed());
  const pid_t stopper = umcg_test::stop_and_continue_this_process(20);
  ASSERT_GT(stopper, 0);
  // The fork held the lock of the address space, for which the thread may have blocked.
  ASSERT_TRUE(thread.has_computed());
  int looks = 0;
  int blocked = 0;
  while (!umcg_test::has_ended(stopper)) {
    ++looks;
    blocked += thread.look() == Look::kBlocked;
  }
  EXPECT_LE(blocked, looks / 100);
}

}  // namespace
