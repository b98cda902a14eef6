// SPDX-License-Identifier: Apache-2.0
// Traces of known programs, read back by another reader than our own code (check_trace.py).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "support/child.h"
#include "support/eventually.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "support/shell.h"
#include "support/temp_file.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using std::chrono::milliseconds;
using umcg::SpawnOptions;

// Runs f as a fiber under a trace. What the function of check_trace.py says of that.
template <class F>
umcg_test::Output look(umcg::Runtime& rt, const std::string& what, F f,
                       umcg::TraceOptions options = {}) {
  const umcg_test::TempFile file;
  EXPECT_FALSE(rt.trace_to(file.path(), options));
  rt.run(f);
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  EXPECT_FALSE(rt.end_trace());
  return umcg_test::run_python("tests/trace/check_trace.py " + file.path() + " " + what);
}

template <class F>
void check(umcg::Runtime& rt, const std::string& what, F f, umcg::TraceOptions options = {}) {
  const auto out = look(rt, what, f, options);
  EXPECT_EQ(out.status, 0) << out.text;
}

TEST(Timeline, ParksWakesYieldsAndDeadlines) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  check(rt, "waits", [] {
    umcg::Semaphore ready(0);
    auto sleeper = umcg::spawn(SpawnOptions{.name = "sleeper"}, [&] {
      for (int i = 0; i < 5; ++i) ready.acquire();
    });
    umcg::this_fiber::yield();
    auto waker = umcg::spawn(SpawnOptions{.name = "waker"}, [&] {
      for (int i = 0; i < 5; ++i) {
        ready.release();
        umcg::this_fiber::yield();
      }
      // So long that it parks for most of it, though its thread be held up just before.
      umcg::this_fiber::sleep_for(milliseconds(500));
    });
    sleeper.join();
    waker.join();
  });
}

TEST(Timeline, ABlockIsHandedOverWithItsCause) {
  umcg::Runtime rt({.servers = 1});
  const auto once = [] {
    const umcg_test::Pipe pipe;
    auto reader = umcg::spawn(SpawnOptions{.name = "reader"}, [&] {
      char byte;
      EXPECT_EQ(::read(pipe.reader(), &byte, 1), 1);
      umcg::this_fiber::yield();
    });
    umcg::this_fiber::yield();
    // Only now there is a worker for this one, or there never was a block.
    auto worker = umcg::spawn(SpawnOptions{.name = "worker"},
                              [&] { EXPECT_EQ(::write(pipe.writer(), "x", 1), 1); });
    reader.join();
    worker.join();
  };
  // A reader that the machine holds up before its read(2) is taken for one that computes on.
  constexpr int kNotBlocked = 75;
  constexpr int kTries = 20;
  umcg_test::Output out;
  for (int i = 0; i < kTries; ++i) {
    out = look(rt, "block", once);
    if (out.status != kNotBlocked) break;
  }
  EXPECT_EQ(out.status, 0) << out.text;
}

// One server: a new holder tells of the hand-over once it runs, and with another server all could
// be over by then.
TEST(Timeline, HintsAndASecondTraceOfTheSameRuntime) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  const auto four = [] {
    for (int i = 0; i < 4; ++i) {
      umcg::spawn([] { umcg::blocking_now([] { ::usleep(500); }); }).join();
    }
  };
  check(rt, "hint", four);
  check(rt, "hint", four);
}

TEST(Timeline, WhatIsOverwrittenIsCounted) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  check(rt, "overflow",
        [] {
          std::vector<umcg::Fiber<>> fibers;
          for (int i = 0; i < 3; ++i) {
            fibers.push_back(umcg::spawn([] {
              for (int n = 0; n < 1000; ++n) umcg::this_fiber::yield();
            }));
          }
          for (auto& f : fibers) f.join();
        },
        {.events_per_server = 1000, .fiber_tracks = 2});
}

// Everything at once, on two servers, while others begin and end traces: the form holds.
TEST(Timeline, StormUnderChaos) {
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kChaos});
  std::atomic<bool> stop{false};
  std::vector<umcg::Fiber<>> fibers;
  umcg::Mutex mutex;
  for (int i = 0; i < 12; ++i) {
    fibers.push_back(rt.spawn(SpawnOptions{.name = "f" + std::to_string(i), .bound = i == 0}, [&] {
      while (!stop) {
        std::scoped_lock lock(mutex);
        umcg::blocking([] { ::usleep(20); });
        umcg::spawn([] { umcg::this_fiber::yield(); }).join();
        umcg::this_fiber::sleep_for(std::chrono::microseconds(50));
      }
    }));
  }
  for (const std::size_t events : {std::size_t{256}, std::size_t{65536}}) {
    for (int i = 0; i < 2; ++i) {
      const umcg_test::TempFile file;
      ASSERT_FALSE(rt.trace_to(file.path(), {.events_per_server = events}));
      EXPECT_EQ(rt.trace_to(file.path()), std::errc::operation_in_progress);
      std::this_thread::sleep_for(milliseconds(20));
      ASSERT_FALSE(rt.end_trace());
      const auto out = umcg_test::run_python("tests/trace/check_trace.py " + file.path());
      EXPECT_EQ(out.status, 0) << out.text;
    }
  }
  stop = true;
  for (auto& f : fibers) f.join();
}

TEST(Timeline, ErrorsAreReturned) {
  umcg::Runtime rt({.servers = 1});
  EXPECT_FALSE(rt.end_trace());  // there is none
  EXPECT_EQ(rt.trace_to("/nonexistent/trace.json"), std::errc::no_such_file_or_directory);
  ASSERT_FALSE(rt.trace_to("/dev/full"));
  rt.run([] {});
  EXPECT_EQ(rt.end_trace(), std::errc::no_space_on_device);
  EXPECT_FALSE(rt.end_trace());
}

TEST(Timeline, TheEndOfTheRuntimeWritesIt) {
  const umcg_test::TempFile file;
  {
    umcg::Runtime rt({.servers = 1, .name = "\"odd\" \xff"});
    ASSERT_FALSE(rt.trace_to(file.path()));
    rt.run([] {});
  }
  const auto out = umcg_test::run_python("tests/trace/check_trace.py " + file.path());
  EXPECT_EQ(out.status, 0) << out.text;
}

}  // namespace
