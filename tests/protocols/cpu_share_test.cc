// SPDX-License-Identifier: Apache-2.0
// How much of the time a thread has had a CPU, from one look to the next.
#include "runtime/base/cpu_share.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

using umcg::internal::CpuClockLook;
using umcg::internal::CpuShare;

constexpr std::int64_t kMs = 1'000'000;

TEST(CpuShare, OneThatStandsStillHasNone) {
  CpuClockLook thread;
  (void)thread.look(5 * kMs, 100 * kMs);
  EXPECT_EQ(thread.look(5 * kMs, 101 * kMs), CpuShare::kNone);
  EXPECT_EQ(thread.ran(), 0);
}

TEST(CpuShare, AnEighthMayBeMissing) {
  CpuClockLook thread;
  (void)thread.look(0, 100 * kMs);
  EXPECT_EQ(thread.look(7 * kMs, 108 * kMs), CpuShare::kNearlyAll);
  EXPECT_EQ(thread.look(14 * kMs - 1, 116 * kMs), CpuShare::kSome);
}

TEST(CpuShare, OnlyTheTimeSinceTheLastLookCounts) {
  CpuClockLook thread;
  (void)thread.look(0, 100 * kMs);
  EXPECT_EQ(thread.look(1, 200 * kMs), CpuShare::kSome);
  EXPECT_EQ(thread.look(1 + kMs, 201 * kMs), CpuShare::kNearlyAll);
  EXPECT_EQ(thread.ran(), kMs);
}

}  // namespace
