// SPDX-License-Identifier: Apache-2.0
// A fiber's stop state is made when somebody first asks for a token; a request may come before.
// That it costs nothing until then is in structure/allocations_test.cc.
#include <gtest/gtest.h>

#include <stop_token>

#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

TEST(StopState, OneForAllWhoAsk) {
  umcg::Runtime rt({.servers = 1});
  rt.run([] {
    const std::stop_token first = umcg::this_fiber::get_stop_token();
    EXPECT_EQ(umcg::this_fiber::get_stop_token(), first);
    EXPECT_TRUE(first.stop_possible());
  });
}

TEST(StopState, ARequestBeforeTheFirstTokenIsKept) {
  umcg::Runtime rt({.servers = 1});
  rt.run([] {
    auto f = umcg::spawn([] { return umcg::this_fiber::get_stop_token().stop_requested(); });
    EXPECT_TRUE(f.request_stop());
    EXPECT_FALSE(f.request_stop());
    EXPECT_TRUE(f.join());
  });
}

// The request races with the making of the state: the fiber hears of it in any case.
TEST(StopState, RequestAndFirstTokenTogether) {
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kChaos});
  for (int i = 0; i < umcg_test::scaled(3000); ++i) {
    auto f = rt.spawn([] {
      return umcg::this_fiber::sleep_until(umcg_test::kLong, umcg::this_fiber::get_stop_token());
    });
    f.request_stop();
    ASSERT_EQ(f.join(), umcg::WaitStatus::kStopped);
  }
}

}  // namespace
