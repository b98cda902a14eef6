// SPDX-License-Identifier: Apache-2.0
// interruptible(): a stop request ends a raw system call. unpinned(): what threads inherit.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "support/handoff_modes.h"
#include "support/opaque_errno.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;

class InterruptibleCall : public umcg_test::HandoffTest {};
UMCG_INSTANTIATE_HANDOFFS_AND_OFF(InterruptibleCall);

// 0, or the error of a read that nothing but a signal can end.
int read_for_ever(const umcg_test::Pipe& pipe) {
  return umcg::interruptible([&] {
    char c;
    return ::read(pipe.reader(), &c, 1) < 0 ? errno : 0;
  });
}

TEST_P(InterruptibleCall, EndsWhenAskedMeanwhile) {
  umcg::Runtime rt({.servers = 1});
  umcg_test::Pipe pipe;
  auto reader = rt.spawn([&] { return read_for_ever(pipe); });
  std::this_thread::sleep_for(5ms);  // by then it may block, or not: both must do
  reader.request_stop();
  EXPECT_EQ(reader.join(), EINTR);
}

TEST_P(InterruptibleCall, EndsWhenAskedBefore) {
  umcg::Runtime rt({.servers = 1});
  umcg_test::Pipe pipe;
  auto reader = rt.spawn([&](std::stop_token stop) {
    while (!stop.stop_requested()) umcg::this_fiber::yield();
    return read_for_ever(pipe);
  });
  reader.request_stop();
  EXPECT_EQ(reader.join(), EINTR);
}

TEST_P(InterruptibleCall, ReturnsAndThrowsWhatTheFunctionDoes) {
  umcg::Runtime rt({.servers = 1});
  EXPECT_EQ(rt.run([] { return umcg::interruptible([] { return 5; }); }), 5);
  EXPECT_THROW(rt.run([] { umcg::interruptible([] { throw 1; }); }), int);
  int x = 0;
  EXPECT_EQ(rt.run([&] { return &umcg::interruptible([&]() -> int& { return x; }); }), &x);
  EXPECT_EQ(umcg::interruptible([] { return 6; }), 6);  // on a plain thread
}

TEST_P(InterruptibleCall, LeavesNothingBehind) {
  umcg::Runtime rt({.servers = 1});
  auto fiber = rt.spawn([&] {
    umcg_test::Pipe pipe;
    EXPECT_EQ(read_for_ever(pipe), EINTR);
    // The stop stands, and no signal comes any more.
    for (int i = 0; i < 20; ++i) {
      timespec t{0, 1'000'000};
      if (::nanosleep(&t, nullptr) != 0) return false;
    }
    return true;
  });
  std::this_thread::sleep_for(2ms);
  fiber.request_stop();
  EXPECT_TRUE(fiber.join());
}

// Also when the fiber is back before the one who asks has returned.
TEST_P(InterruptibleCall, ErrnoIsThatOfTheFunction) {
  umcg::Runtime rt({.servers = 2});
  umcg_test::Pipe pipe;
  for (int i = 0; i < umcg_test::scaled(1'000); ++i) {
    std::atomic<bool> inside{false};
    auto reader = rt.spawn([&] {
      umcg::interruptible([&] {
        char c;
        inside = true;
        return ::read(pipe.reader(), &c, 1);
      });
      return umcg_test::read_errno();
    });
    while (!inside) std::this_thread::yield();
    reader.request_stop();
    ASSERT_EQ(reader.join(), EINTR);
  }
}

TEST_P(InterruptibleCall, TheThreadHasTheMaskThatItHad) {
  umcg::Runtime rt({.servers = 1});
  rt.run([] {
    const umcg::this_fiber::ThreadPin pin;
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    umcg::interruptible([] { umcg::interruptible([] {}); });
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
      EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
    }
  });
}

TEST_P(InterruptibleCall, TheOuterOneOutlivesTheInner) {
  umcg::Runtime rt({.servers = 1});
  umcg_test::Pipe pipe;
  auto reader = rt.spawn([&] {
    return umcg::interruptible([&] {
      umcg::interruptible([] {});
      char c;
      return ::read(pipe.reader(), &c, 1) < 0 ? errno : 0;
    });
  });
  std::this_thread::sleep_for(5ms);
  reader.request_stop();
  EXPECT_EQ(reader.join(), EINTR);
}

TEST_P(InterruptibleCall, ManyAtOnce) {
  umcg::Runtime rt({.servers = 2});
  umcg_test::Pipe pipe;
  std::vector<umcg::Fiber<int>> readers;
  for (int i = 0; i < 8; ++i) readers.push_back(rt.spawn([&] { return read_for_ever(pipe); }));
  rt.request_stop();
  for (auto& reader : readers) EXPECT_EQ(reader.join(), EINTR);
}

int cpus_of_this_thread() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  return CPU_COUNT(&set);
}

TEST(Unpinned, HasTheMaskOfTheRuntimesMaker) {
  const int all = cpus_of_this_thread();
  umcg::Runtime rt({.servers = 1, .pin_servers = true});
  rt.run([&] {
    EXPECT_EQ(cpus_of_this_thread(), 1);
    EXPECT_EQ(umcg::unpinned(cpus_of_this_thread), all);
    EXPECT_EQ(cpus_of_this_thread(), 1);
    EXPECT_THROW(umcg::unpinned([] { throw 1; }), int);
    EXPECT_EQ(cpus_of_this_thread(), 1);
  });
  EXPECT_EQ(umcg::unpinned(cpus_of_this_thread), all);
}

}  // namespace
