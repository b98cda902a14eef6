// SPDX-License-Identifier: Apache-2.0
// DeadlineStop: a stop at a deadline, from a parent, by hand; callbacks run on a fiber.
#include "umcg/deadline_stop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <vector>

#include "support/death.h"
#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::DeadlineStop;
using umcg::WaitStatus;
using umcg_test::kLong;
using DeadlineStopTest = umcg_test::MatrixTest;

TEST_P(DeadlineStopTest, StopsAtTheDeadlineNotBefore) {
  umcg::Runtime rt(options());
  rt.run([] {
    const auto start = std::chrono::steady_clock::now();
    DeadlineStop limit(3ms);
    EXPECT_EQ(umcg::this_fiber::sleep_until(kLong, limit.get_token()), WaitStatus::kStopped);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);
    EXPECT_TRUE(limit.stop_requested());
    EXPECT_FALSE(limit.request_stop());
  });
}

TEST_P(DeadlineStopTest, CallbacksRunOnAFiberAndMayBlock) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::atomic<bool> on_fiber{false};
    umcg::Event done;
    DeadlineStop limit(1ms);
    std::stop_callback callback(limit.get_token(), [&] {
      ::usleep(3000);  // as PQcancel blocks; other deadlines are not held up
      on_fiber = umcg::this_fiber::in_fiber();
      done.set();
    });
    DeadlineStop other(1500us);
    EXPECT_EQ(umcg::this_fiber::sleep_until(kLong, other.get_token()), WaitStatus::kStopped);
    done.wait();
    EXPECT_TRUE(on_fiber);
  });
}

TEST_P(DeadlineStopTest, ShutdownEndsACallOnASocket) {
  umcg::Runtime rt(options());
  rt.run([] {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    {
      DeadlineStop limit(2ms);
      std::stop_callback end(limit.get_token(), [&] { ::shutdown(ends[0], SHUT_RDWR); });
      char byte;
      EXPECT_EQ(umcg::blocking([&] { return ::recv(ends[0], &byte, 1, 0); }), 0);
      EXPECT_TRUE(limit.stop_requested());
    }
    ::close(ends[0]);
    ::close(ends[1]);
  });
}

TEST_P(DeadlineStopTest, NoStopAfterItsEnd) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::stop_token stop;
    std::stop_source parent;
    {
      DeadlineStop limit(kLong, parent.get_token());
      stop = limit.get_token();
    }
    parent.request_stop();
    EXPECT_FALSE(stop.stop_requested());
  });
}

TEST_P(DeadlineStopTest, ParentsStopIsPassedOn) {
  umcg::Runtime rt(options());
  umcg::Event ready;
  auto f = rt.spawn([&] {
    DeadlineStop limit(kLong);
    ready.set();
    return umcg::this_fiber::sleep_until(kLong, limit.get_token());
  });
  ready.wait();
  f.request_stop();
  EXPECT_EQ(f.join(), WaitStatus::kStopped);

  std::stop_source asked;
  asked.request_stop();
  rt.run([&] { EXPECT_TRUE(DeadlineStop(kLong, asked.get_token()).stop_requested()); });
}

TEST_P(DeadlineStopTest, WithoutADeadlineAThreadNeedsNoRuntime) {
  std::stop_source parent;
  DeadlineStop stop({}, parent.get_token());
  EXPECT_FALSE(stop.stop_requested());
  parent.request_stop();
  EXPECT_TRUE(stop.stop_requested());
}

TEST_P(DeadlineStopTest, OnAThreadThatHasEntered) {
  umcg::Runtime rt(options());
  auto e = rt.enter();
  DeadlineStop limit(1ms);
  EXPECT_EQ(umcg::this_fiber::sleep_until(kLong, limit.get_token()), WaitStatus::kStopped);
}

// The end of the object, its deadline and its parent's stop, all at about the same moment.
TEST_P(DeadlineStopTest, EndsAtTheVeryDeadline) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < 4; ++i) {
      fibers.push_back(umcg::spawn([] {
        for (int round = 0; round < umcg_test::scaled(200); ++round) {
          std::stop_source parent;
          auto stopper = umcg::spawn([&] {
            umcg::this_fiber::sleep_for(20us);
            parent.request_stop();
          });
          int calls = 0;  // not atomic: callbacks of one state do not run at once, nor after it
          {
            DeadlineStop limit(std::chrono::microseconds(round % 40), parent.get_token());
            std::stop_callback callback(limit.get_token(), [&] { ++calls; });
            umcg::this_fiber::sleep_for(20us);
          }
          EXPECT_LE(calls, 1);
          stopper.join();
        }
      }));
    }
    for (auto& f : fibers) f.join();
  });
}

// A hint gives the server away; in a callback the fiber must go on where it is nevertheless.
TEST_P(DeadlineStopTest, HintsInCallbacksKeepTheThread) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < 4; ++i) {
      fibers.push_back(umcg::spawn([] {
        for (int round = 0; round < umcg_test::scaled(50); ++round) {
          int calls = 0;
          DeadlineStop stop({});
          std::stop_callback callback(stop.get_token(), [&] {
            const pid_t before = ::gettid();
            umcg::blocking_now([] { ::usleep(50); });
            { const umcg::this_fiber::ThreadPin pin; }
            umcg::blocking([] { ::usleep(50); });
            EXPECT_EQ(::gettid(), before);
            ++calls;
          });
          stop.request_stop();
          EXPECT_EQ(calls, 1);
          umcg::this_fiber::yield();
        }
      }));
    }
    for (auto& f : fibers) f.join();
  });
}

UMCG_INSTANTIATE_MATRIX(DeadlineStopTest);

using DeadlineStopDeathTest = umcg_test::DeathTest;

TEST_F(DeadlineStopDeathTest, CallbackThatSuspends) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] {
          DeadlineStop limit(1ms);
          std::stop_callback suspends(limit.get_token(), [] { umcg::this_fiber::yield(); });
          std::stop_callback suspends_too(limit.get_token(), [] { umcg::Event().wait(); });
          umcg::this_fiber::sleep_for(umcg_test::kLong);
        });
      },
      "a stop callback must not suspend");
}

}  // namespace
