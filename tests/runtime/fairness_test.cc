// SPDX-License-Identifier: Apache-2.0
// How long a ready fiber waits for its turn behind others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include "umcg/fiber.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

constexpr int kOthers = 200;
constexpr int kRounds = 10;

// Counted in turns of others that yield all the time. Without hand-off nobody else has one while
// the thread is started.
TEST(Fairness, OneWokenFromOutsideDoesNotStandBehindAllOthers) {
  ::unsetenv("UMCG_HANDOFF");
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([] {
    umcg::Semaphore go(0);
    int turns = 0;
    int woken_at = 0;
    int most_waited = 0;
    int rounds = 0;
    auto waiter = umcg::spawn([&] {
      for (; rounds < kRounds; ++rounds) {
        go.acquire();
        most_waited = std::max(most_waited, turns - woken_at);
      }
    });
    std::vector<umcg::Fiber<void>> others;
    for (int i = 0; i < kOthers; ++i) {
      others.push_back(umcg::spawn([&] {
        for (; rounds < kRounds; umcg::this_fiber::yield()) ++turns;
      }));
    }
    for (int i = 0; i < kRounds; ++i) {
      while (rounds < i || turns < kOthers) umcg::this_fiber::yield();
      umcg::this_fiber::yield();  // the waiter waits again
      std::thread([&] {
        woken_at = turns;
        go.release();
      }).join();
    }
    waiter.join();
    for (auto& f : others) f.join();
    EXPECT_LE(most_waited, kOthers / 10);
  });
}

}  // namespace
