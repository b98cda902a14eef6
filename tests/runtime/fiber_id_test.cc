// SPDX-License-Identifier: Apache-2.0
// FiberId: unique for ever, though descriptors and stacks are used again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using FiberIdTest = umcg_test::MatrixTest;

TEST_P(FiberIdTest, NeverUsedAgain) {
  umcg::Runtime rt(options());
  const int total = umcg_test::scaled(100'000);
  std::vector<std::uint64_t> ids;
  ids.reserve(static_cast<std::size_t>(total) + 1);
  rt.run([&] {
    ids.push_back(umcg::this_fiber::get_id().value());
    for (int i = 0; i < total; ++i) {
      auto f = umcg::spawn([] { return umcg::this_fiber::get_id(); });
      const umcg::FiberId seen_outside = f.get_id();
      const umcg::FiberId seen_inside = f.join();
      ASSERT_EQ(seen_outside, seen_inside);
      ids.push_back(seen_inside.value());
    }
  });
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_GT(ids.front(), 0U) << "0 means no fiber";
}

TEST_P(FiberIdTest, UniqueAcrossRuntimes) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    for (umcg::Runtime* rt : {&a, &b}) {
      auto f = rt->spawn([] {});
      ids.push_back(f.get_id().value());
    }
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST_P(FiberIdTest, StaysTheSameOverSwitches) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<bool>> fibers;
  for (int i = 0; i < 20; ++i) {
    fibers.push_back(rt.spawn([] {
      const umcg::FiberId id = umcg::this_fiber::get_id();
      for (int k = 0; k < 100; ++k) {
        umcg::this_fiber::yield();
        if (umcg::this_fiber::get_id() != id) return false;
      }
      return true;
    }));
  }
  for (auto& f : fibers) EXPECT_TRUE(f.join());
}

UMCG_INSTANTIATE_MATRIX(FiberIdTest);

}  // namespace
