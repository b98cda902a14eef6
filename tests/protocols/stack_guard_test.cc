// SPDX-License-Identifier: Apache-2.0
// The ways to guard stacks that are not the first choice here, forced by UMCG_STACK_GUARD.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stack/stack.h"
#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

// The choice is made once per process, hence each case in a process of its own.
class StackGuardDeathTest : public umcg_test::DeathTest {};

// Enough stacks at once for several slabs, twice, so that they are used again.
bool many_stacks_work(umcg::Runtime& rt) {
  long sum = 0;
  constexpr int kFibers = 300;
  for (int round = 0; round < 2; ++round) {
    std::vector<umcg::Fiber<long>> fibers;
    for (int i = 0; i < kFibers; ++i) {
      fibers.push_back(rt.spawn([i] {
        volatile char mine[10'000];
        for (std::size_t k = 0; k < sizeof mine; k += 500) mine[k] = static_cast<char>(i);
        for (int k = 0; k < 3; ++k) umcg::this_fiber::yield();
        long wrong = 0;
        for (std::size_t k = 0; k < sizeof mine; k += 500) wrong += mine[k] != static_cast<char>(i);
        return i + 1'000'000 * wrong;
      }));
    }
    for (auto& f : fibers) sum += f.join();
  }
  return sum == 2L * kFibers * (kFibers - 1) / 2;
}

[[noreturn]] void run_with(const char* guard, const char* expected) {
  ::setenv("UMCG_STACK_GUARD", guard, 1);
  bool good;
  {
    umcg::Runtime rt;
    good = many_stacks_work(rt);
    const std::string used = rt.stats().stack_guard;
    std::fprintf(stderr, "asked for %s, got %s\n", guard, used.c_str());
    good &= expected == nullptr || used == expected;
  }
  ::_exit(good ? 0 : 1);
}

TEST_F(StackGuardDeathTest, Mprotect) {
  EXPECT_EXIT(run_with("mprotect", "mprotect"), ::testing::ExitedWithCode(0), "");
}

TEST_F(StackGuardDeathTest, Canary) {
  EXPECT_EXIT(run_with("canary", "canary"), ::testing::ExitedWithCode(0), "");
}

TEST_F(StackGuardDeathTest, ACanaryTellsWhoseStackOverflowed) {
  EXPECT_DEATH(
      {
        ::setenv("UMCG_STACK_GUARD", "canary", 1);
        umcg::Runtime rt({.servers = 1});
        rt.run([] {
          char* const low = umcg::internal::current_fiber()->stack->low;
          *reinterpret_cast<volatile std::uint64_t*>(low) = 0;
        });
      },
      "stack overflow: fiber [0-9]+ has overwritten the end");
}

// Says so, and takes what it would have taken.
TEST_F(StackGuardDeathTest, UnknownNameIsReported) {
  EXPECT_EXIT(run_with("armour", nullptr), ::testing::ExitedWithCode(0), "UMCG_STACK_GUARD=armour");
}

TEST_F(StackGuardDeathTest, EmptyMeansNotSet) {
  EXPECT_EXIT(run_with("", nullptr), ::testing::ExitedWithCode(0), "");
}

[[gnu::noinline]] int fall(volatile int* above) {
  volatile int frame[64];
  frame[0] = *above + 1;
  const int result = frame[0] < 100'000'000 ? fall(frame) : 0;
  return result + frame[0];
}

TEST_F(StackGuardDeathTest, MprotectStopsAnOverflow) {
  EXPECT_DEATH(
      {
        ::setenv("UMCG_STACK_GUARD", "mprotect", 1);
        umcg::Runtime rt;
        rt.spawn({.name = "bottomless"}, [] {
            volatile int start = 0;
            fall(&start);
          }).join();
      },
      umcg_test::kSanitized ? "stack.overflow" : "bottomless.*stack overflow");
}

}  // namespace
