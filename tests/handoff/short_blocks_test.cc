// SPDX-License-Identifier: Apache-2.0
// A fiber that blocks again and again, each time for less than the monitor's two looks are apart,
// and computes in between, so that its CPU is not free for long: those queued behind it begin all
// the same.
#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <chrono>

#include "handoff/blocked_call.h"
#include "kernel_shim/timer_slack.h"
#include "support/handoff_modes.h"
#include "umcg/runtime.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using umcg_test::join_or_abort;

using ShortBlocks = umcg_test::HandoffTest;

void block_and_compute() {
  constexpr timespec kBlock{0, 5'000};
  ::nanosleep(&kBlock, nullptr);
  for (const auto end = Clock::now() + 20us; Clock::now() < end;) asm volatile("");
}

TEST_P(ShortBlocks, DoNotKeepTheNextFiberWaiting) {
  umcg::Runtime rt({.servers = 1});
  std::atomic<bool> begun{false};
  auto blocker = rt.spawn([&] {
    auto behind = umcg::spawn([&] { begun = true; });
    {
      const umcg::internal::shim::ShortTimerSlack
          exact;  // or each block would be ten times as long
      while (!begun) block_and_compute();
    }
    behind.join();
  });
  join_or_abort(rt, blocker);
}

UMCG_INSTANTIATE_HANDOFFS(ShortBlocks);

}  // namespace
