// SPDX-License-Identifier: Apache-2.0
// A thread's timer slack is short for a while, and then what it was.
#include "kernel_shim/timer_slack.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <thread>

namespace {

namespace shim = umcg::internal::shim;

int slack_ns() { return ::prctl(PR_GET_TIMERSLACK); }

TEST(TimerSlack, IsShortForAWhile) {
  const int before = slack_ns();
  {
    const shim::ShortTimerSlack on_time;
    EXPECT_EQ(slack_ns(), 1'000);
  }
  EXPECT_EQ(slack_ns(), before);
}

TEST(TimerSlack, WhatTheThreadHadAskedForComesBack) {
  std::thread([] {
    ASSERT_EQ(::prctl(PR_SET_TIMERSLACK, 20'000UL), 0);
    { const shim::ShortTimerSlack on_time; }
    EXPECT_EQ(slack_ns(), 20'000);
  }).join();
}

}  // namespace
