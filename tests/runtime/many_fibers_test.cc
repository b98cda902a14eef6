// SPDX-License-Identifier: Apache-2.0
// Many fibers: alive at once, one after the other, and as a tree.
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using ManyFibers = umcg_test::MatrixTest;

TEST_P(ManyFibers, ParkedThenWokenAndJoined) {
  umcg::RuntimeOptions small = options();
  small.stack_size = 16 * 1024;
  umcg::Runtime rt(small);
  const int total = umcg_test::live_fibers(100'000);
  umcg::Event go;
  std::atomic<int> parked{0};
  std::atomic<int> woken{0};
  std::vector<umcg::Fiber<>> fibers;
  fibers.reserve(static_cast<std::size_t>(total));
  for (int i = 0; i < total; ++i) {
    fibers.push_back(rt.spawn([&] {
      ++parked;
      go.wait();
      ++woken;
    }));
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return parked == total; }));
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(rt.stats().fibers_live, static_cast<unsigned>(total));
  go.set();
  for (auto& f : fibers) f.join();
  EXPECT_EQ(woken, total);
  EXPECT_EQ(rt.stats().fibers_live, 0U);
}

TEST_P(ManyFibers, OneAfterTheOtherUseFewStacks) {
  umcg::Runtime rt(options());
  const int total = umcg_test::scaled(50'000);
  const int sum = rt.run([&] {
    int n = 0;
    for (int i = 0; i < total; ++i) n += umcg::spawn([] { return 1; }).join();
    return n;
  });
  EXPECT_EQ(sum, total);
  EXPECT_LT(rt.stats().stacks_mapped, 2000U);
}

TEST_P(ManyFibers, PostsInBulk) {
  umcg::Runtime rt(options());
  const int rounds = umcg_test::scaled(50);
  std::atomic<int> ran{0};
  rt.run([&] {
    for (int round = 0; round < rounds; ++round) {
      umcg::WaitGroup group(1000);
      for (int i = 0; i < 1000; ++i) {
        umcg::post([&] {
          ++ran;
          group.done();
        });
      }
      group.wait();
    }
  });
  EXPECT_EQ(ran, 1000 * rounds);
}

int tree(int depth) {
  if (depth == 0) return 1;
  auto left = umcg::spawn(tree, depth - 1);
  auto right = umcg::spawn(tree, depth - 1);
  return left.join() + right.join();
}

TEST_P(ManyFibers, ATree) {
  umcg::Runtime rt(options());
  const int depth = umcg_test::kSanitized ? 8 : 13;
  EXPECT_EQ(rt.run([&] { return tree(depth); }), 1 << depth);
}

// A chain in which each waits for the next: the longest wake-up path.
int chain(int length) { return length == 0 ? 0 : 1 + umcg::spawn(chain, length - 1).join(); }

TEST_P(ManyFibers, AChain) {
  umcg::Runtime rt(options());
  const int length = umcg_test::live_fibers(5000);
  EXPECT_EQ(rt.run([&] { return chain(length); }), length);
}

UMCG_INSTANTIATE_MATRIX(ManyFibers);

}  // namespace
