// SPDX-License-Identifier: Apache-2.0
// When a fiber may find itself on another OS thread, and when it never does.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;
using ThreadIdentity = umcg_test::MatrixTest;

// Runs `body` on a few fibers at once, beside others that keep all servers busy.
template <class Body>
void in_a_crowd(umcg::Runtime& rt, Body body) {
  std::atomic<bool> stop{false};
  std::vector<umcg::Fiber<>> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.push_back(rt.spawn([&] {
      while (!stop) {
        umcg::blocking_now([] { ::usleep(20); });
        umcg::this_fiber::yield();
      }
    }));
  }
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 4; ++i) fibers.push_back(rt.spawn(body));
  for (auto& f : fibers) f.join();
  stop = true;
  for (auto& f : crowd) f.join();
}

TEST_P(ThreadIdentity, FunctionsThatNeverSuspendNeverMigrate) {
  umcg::Runtime rt(options());
  umcg::Mutex mutex;
  umcg::Event event;
  umcg::Semaphore semaphore(0);
  umcg::WaitGroup group;
  umcg::ConditionVariable cv;
  in_a_crowd(rt, [&] {
    for (int i = 0; i < umcg_test::scaled(500); ++i) {
      const pid_t before = ::gettid();
      const auto same = [&](const char* what) { ASSERT_EQ(::gettid(), before) << what; };
      umcg::post([] {});
      same("post");
      auto f = umcg::spawn([] {});
      same("spawn");
      (void)f.request_stop();
      same("request_stop");
      f.detach();
      same("detach");
      if (mutex.try_lock()) {
        same("try_lock");
        mutex.unlock();
        same("unlock");
      }
      event.set();
      same("set");
      event.reset();
      same("reset");
      semaphore.release();
      same("release");
      (void)semaphore.try_acquire();
      same("try_acquire");
      group.add();
      group.done();
      same("done");
      cv.notify_all();
      same("notify_all");
      (void)umcg::this_fiber::get_stop_token();
      same("get_stop_token");
      (void)umcg::Runtime::current().stats();
      same("stats");
    }
  });
}

TEST_P(ThreadIdentity, RawBlockingCallsNeverMigrate) {
  umcg::Runtime rt(options());
  in_a_crowd(rt, [] {
    for (int i = 0; i < umcg_test::scaled(100); ++i) {
      const pid_t before = ::gettid();
      ::usleep(50);
      ASSERT_EQ(::gettid(), before);
    }
  });
}

TEST_P(ThreadIdentity, InsideBlockingTheThreadIsTheCallers) {
  umcg::Runtime rt(options());
  in_a_crowd(rt, [] {
    for (int i = 0; i < umcg_test::scaled(100); ++i) {
      const pid_t before = ::gettid();
      umcg::blocking([&] {
        ASSERT_EQ(::gettid(), before);
        ::usleep(20);
        ASSERT_EQ(::gettid(), before);
      });
      const pid_t between = ::gettid();
      umcg::blocking_now([&] { ASSERT_EQ(::gettid(), between); });
    }
  });
}

// All that may suspend, under a pin.
void suspend_in_every_way(umcg::Mutex& mutex) {
  umcg::this_fiber::yield();
  umcg::this_fiber::sleep_for(50us);
  umcg::Event event;
  auto setter = umcg::spawn([&] { event.set(); });
  event.wait();
  setter.join();
  {
    const std::scoped_lock lock(mutex);
    umcg::this_fiber::yield();
  }
  umcg::blocking([] { ::usleep(10); });
  umcg::blocking_now([] { ::usleep(10); });
}

TEST_P(ThreadIdentity, ThreadPinKeepsTheThread) {
  umcg::Runtime rt(options());
  umcg::Mutex mutex;
  in_a_crowd(rt, [&] {
    for (int i = 0; i < umcg_test::scaled(50); ++i) {
      const umcg::this_fiber::ThreadPin pin;
      const pid_t before = ::gettid();
      suspend_in_every_way(mutex);
      ASSERT_EQ(::gettid(), before);
    }
  });
}

TEST_P(ThreadIdentity, PinsNest) {
  umcg::Runtime rt(options());
  umcg::Mutex mutex;
  in_a_crowd(rt, [&] {
    const umcg::this_fiber::ThreadPin outer;
    const pid_t before = ::gettid();
    for (int i = 0; i < 5; ++i) {
      const umcg::this_fiber::ThreadPin inner;
      const umcg::this_fiber::ThreadPin innermost;
      suspend_in_every_way(mutex);
      ASSERT_EQ(::gettid(), before);
    }
    suspend_in_every_way(mutex);
    ASSERT_EQ(::gettid(), before) << "an inner pin's end does not end the outer one";
  });
}

// What the pin is for: a lock that knows its owner by thread.
TEST_P(ThreadIdentity, RecursiveMutexUnderAPin) {
  umcg::Runtime rt(options());
  std::recursive_mutex recursive;
  int plain = 0;
  in_a_crowd(rt, [&] {
    for (int i = 0; i < umcg_test::scaled(50); ++i) {
      const umcg::this_fiber::ThreadPin pin;
      const std::lock_guard outer(recursive);
      umcg::this_fiber::sleep_for(20us);
      const std::lock_guard inner(recursive);
      ++plain;
    }
  });
  EXPECT_EQ(plain, 4 * umcg_test::scaled(50));
}

// A pinned fiber that waits blocks its thread; the server must go on without it.
TEST_P(ThreadIdentity, APinnedWaitDoesNotStopTheServer) {
  umcg::Runtime rt(options());
  umcg::Event go;
  std::vector<umcg::Fiber<>> pinned;
  for (int i = 0; i < 10; ++i) {
    pinned.push_back(rt.spawn([&] {
      const umcg::this_fiber::ThreadPin pin;
      go.wait();
    }));
  }
  EXPECT_EQ(rt.run([] { return umcg::spawn([] { return 3; }).join(); }), 3);
  rt.post([&] { go.set(); });
  for (auto& f : pinned) f.join();
}

TEST_P(ThreadIdentity, SpawnUnderAPinDoesNotPinTheChild) {
  umcg::Runtime rt(options());
  rt.run([] {
    const umcg::this_fiber::ThreadPin pin;
    // The child could not run at all on this thread while we wait for it here.
    EXPECT_NE(umcg::spawn([] { return ::gettid(); }).join(), ::gettid());
  });
}

UMCG_INSTANTIATE_MATRIX(ThreadIdentity);

}  // namespace
