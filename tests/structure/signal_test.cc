// SPDX-License-Identifier: Apache-2.0
// SignalSet, with signals that are really sent. Each test makes its set on the main thread, before
// its runtime, as a program should.
#include "umcg/signal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/death.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::SignalResult;
using umcg::SignalSet;
using umcg::WaitStatus;
using umcg_test::kLong;
using SignalTest = umcg_test::MatrixTest;

TEST_P(SignalTest, EndsTheWaitOfAFiber) {
  SignalSet signals{SIGUSR1, SIGUSR2};
  umcg::Runtime rt(options());
  umcg::Event waits;
  auto f = rt.spawn([&] {
    waits.set();
    return signals.wait();
  });
  waits.wait();
  ASSERT_EQ(::kill(::getpid(), SIGUSR2), 0);
  EXPECT_EQ(f.join(), SIGUSR2);
}

TEST_P(SignalTest, EndsTheWaitOfAThread) {
  SignalSet signals{SIGUSR1};
  umcg::Runtime rt(options());
  std::atomic<int> got{0};
  std::thread thread([&] { got = signals.wait(); });
  rt.run([] { ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0); });
  thread.join();
  EXPECT_EQ(got, SIGUSR1);
}

TEST_P(SignalTest, OneThatCameBeforeIsKept) {
  SignalSet signals{SIGUSR1};
  ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.run([&] { return signals.wait(); }), SIGUSR1);
  EXPECT_EQ(signals.wait({}, 0s).status, WaitStatus::kTimeout);
}

TEST_P(SignalTest, TimeoutAndStop) {
  SignalSet signals{SIGUSR1};
  umcg::Runtime rt(options());
  rt.run([&] {
    const auto start = std::chrono::steady_clock::now();
    const SignalResult late = signals.wait({}, 3ms);
    EXPECT_EQ(late.status, WaitStatus::kTimeout);
    EXPECT_EQ(late.signal, 0);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);

    std::stop_source source;
    auto waiting = umcg::spawn([&] { return signals.wait(source.get_token(), kLong).status; });
    auto patient = umcg::spawn([&] { return signals.wait(source.get_token()).status; });
    umcg::this_fiber::sleep_for(100us);
    source.request_stop();
    EXPECT_EQ(waiting.join(), WaitStatus::kStopped);
    EXPECT_EQ(patient.join(), WaitStatus::kStopped);
    EXPECT_EQ(signals.wait(source.get_token()).status, WaitStatus::kStopped);
    EXPECT_EQ(signals.wait(source.get_token(), 0s).status, WaitStatus::kTimeout);

    ::kill(::getpid(), SIGUSR1);
    const SignalResult ready = signals.wait(source.get_token(), 0s);
    EXPECT_EQ(ready.status, WaitStatus::kReady) << "a signal that has come is told first";
    EXPECT_EQ(ready.signal, SIGUSR1);
  });
}

TEST_P(SignalTest, OthersRunMeanwhile) {
  SignalSet signals{SIGUSR1};
  umcg::Runtime rt(options());
  auto f = rt.spawn([&] { return signals.wait(); });
  for (int i = 0; i < 20; ++i) {
    rt.run([] { umcg::this_fiber::yield(); });
  }
  ::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(f.join(), SIGUSR1);
}

// Signals of real time are queued, so they can be counted: none is lost to a deadline, to a stop or
// to another one who waits.
TEST_P(SignalTest, NoneIsLost) {
  SignalSet signals{SIGRTMIN, SIGRTMIN + 1};
  umcg::Runtime rt(options());
  const int sent = umcg_test::scaled(200);
  std::atomic<int> got{0};
  std::vector<umcg::Fiber<>> fibers;
  for (unsigned i = 0; i < 3; ++i) {
    fibers.push_back(rt.spawn([&, i] {
      std::mt19937 random(i);
      while (got < sent) {
        std::stop_source source;
        auto stopper = umcg::spawn([&source, d = std::chrono::microseconds(random() % 100)] {
          umcg::this_fiber::sleep_for(d);
          source.request_stop();
        });
        const auto d = std::chrono::microseconds(random() % 100);
        if (signals.wait(source.get_token(), d).status == WaitStatus::kReady) ++got;
        stopper.join();
      }
    }));
  }
  for (int k = 0; k < sent; ++k) {
    ASSERT_EQ(::kill(::getpid(), SIGRTMIN + k % 2), 0);
    if (k % 8 == 0) std::this_thread::sleep_for(50us);
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(got, sent);
  EXPECT_EQ(signals.wait({}, 0s).status, WaitStatus::kTimeout);
}

// The rule that makes it work: no thread of the runtime takes such a signal.
TEST_P(SignalTest, EveryThreadBlocksThem) {
  SignalSet signals{SIGUSR1};
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<>> blocked;
  umcg::Event go;
  for (int i = 0; i < 12; ++i) {  // makes workers, some of them by a service thread
    blocked.push_back(rt.spawn([&] {
      ::usleep(2000);
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      EXPECT_EQ(sigismember(&mask, SIGUSR1), 1);
      EXPECT_EQ(sigismember(&mask, SIGHUP), 0) << "the mask of whoever made the runtime, no more";
      const umcg::this_fiber::ThreadPin pin;
      go.wait();
    }));
  }
  int threads = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      ++threads;
      EXPECT_NE(std::stoull(line.substr(7), nullptr, 16) & (1ULL << (SIGUSR1 - 1)), 0U)
          << task.path();
    }
  }
  EXPECT_GE(threads, 2);
  go.set();
  for (auto& f : blocked) f.join();
}

TEST(SignalRules, RefusesWhatCannotBeWaitedFor) {
  for (const int signal : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, 1000}) {
    EXPECT_THROW(SignalSet({SIGUSR1, signal}), std::invalid_argument) << signal;
  }
}

UMCG_INSTANTIATE_MATRIX(SignalTest);

using SignalDeathTest = umcg_test::DeathTest;

TEST_F(SignalDeathTest, ASetMadeTooLate) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] { SignalSet too_late{SIGWINCH}; });
      },
      "umcg: fiber.*SignalSet on a fiber.*make it before the runtime");
}

}  // namespace
