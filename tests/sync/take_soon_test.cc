// SPDX-License-Identifier: Apache-2.0
// Whether a lock's holder is at work, as one sees it who finds the lock held. Without hand-off, so
// that a fiber stays on its server for as long as it computes.
#include "runtime/sync/take_soon.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "runtime/scheduler/worker.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::internal::current_token;
using umcg::internal::may_be_at_work;

umcg::RuntimeOptions servers(int n) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  return {.servers = n, .handoff = umcg::Handoff::kOff};
}

TEST(TakeSoon, AHolderThatComputesIsAtWorkAndOneThatWaitsIsNot) {
  umcg::Runtime rt(servers(2));
  std::atomic<std::uintptr_t> holder{0};
  std::atomic<bool> go_on{false};
  umcg::Event end;
  auto f = rt.spawn([&] {
    holder = current_token();
    while (!go_on) asm volatile("");
    end.wait();
  });
  while (holder == 0) umcg::this_fiber::yield();
  rt.run([&] {
    EXPECT_TRUE(may_be_at_work(holder));
    go_on = true;
    while (may_be_at_work(holder)) umcg::this_fiber::yield();
  });
  end.set();
}

TEST(TakeSoon, WhereItCannotBeToldItMayBe) {
  const std::uintptr_t thread = current_token();
  umcg::Runtime rt(servers(2));
  EXPECT_TRUE(may_be_at_work(rt.run([] { return current_token(); }))) << "asked by a thread";
  rt.run([&] {
    EXPECT_TRUE(may_be_at_work(thread));
    EXPECT_TRUE(may_be_at_work(0));
  });
}

TEST(TakeSoon, OnTheOnlyServerNobodyElseIs) {
  const std::uintptr_t thread = current_token();
  umcg::Runtime rt(servers(1));
  rt.run([&] {
    EXPECT_FALSE(may_be_at_work(thread));
    EXPECT_FALSE(may_be_at_work(0));
  });
}

// What its token was may be another fiber's memory by now, or nobody's: it is not looked at.
TEST(TakeSoon, AHolderMayBeGoneWithItsRuntime) {
  const std::uintptr_t gone = [] {
    umcg::Runtime other(servers(1));
    return other.run([] { return current_token(); });
  }();
  umcg::Runtime rt(servers(2));
  rt.run([&] { (void)may_be_at_work(gone); });
}

}  // namespace
