// SPDX-License-Identifier: Apache-2.0
// call_once: one run, seen by all; exceptions; functions that suspend; recursion.
#include "umcg/once.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/crew.h"
#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::OnceFlag;
using umcg_test::Crew;
using OnceTest = umcg_test::CrewTest;

constinit OnceFlag global_flag;
static_assert(sizeof(OnceFlag) == 2 * sizeof(void*));
static_assert(std::is_trivially_destructible_v<OnceFlag>);

TEST_P(OnceTest, RunsOnceAndAllSeeIt) {
  Crew crew(GetParam());
  const auto rounds = static_cast<std::size_t>(umcg_test::scaled(500));
  std::vector<OnceFlag> flags(rounds);
  std::vector<int> runs(rounds);  // plain: call_once orders the accesses
  for (int i = 0; i < 6; ++i) {
    crew.start([&, i] {
      for (std::size_t k = 0; k < rounds; ++k) {
        umcg::call_once(flags[k], [&] {
          if (k % 3 == 0) umcg::this_fiber::yield();
          ++runs[k];
        });
        EXPECT_EQ(runs[k], 1);
        if (i == 0 && k % 7 == 0) umcg::this_fiber::yield();
      }
    });
  }
  crew.join();
}

TEST_P(OnceTest, AfterAnExceptionTheNextOneTries) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(100);
  for (int k = 0; k < rounds; ++k) {
    OnceFlag flag;
    int tries = 0;
    std::atomic<int> thrown{0};
    for (int i = 0; i < 5; ++i) {
      crew.start([&] {
        try {
          umcg::call_once(flag, [&] {
            umcg::this_fiber::yield();
            if (++tries < 4) throw std::runtime_error("not yet");
          });
          EXPECT_EQ(tries, 4);
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      });
    }
    crew.join();
    EXPECT_EQ(tries, 4);
    EXPECT_EQ(thrown, 3);
  }
}

TEST_P(OnceTest, GlobalOne) {
  Crew crew(GetParam());
  static int runs = 0;
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      umcg::call_once(global_flag, [] { ++runs; });
      EXPECT_EQ(runs, 1);
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(OnceTest);

TEST(Once, PassesArgumentsOn) {
  OnceFlag flag;
  struct Target {
    std::string text;
    void set(std::unique_ptr<std::string> to) { text = *to; }
  } target;
  umcg::call_once(flag, &Target::set, target, std::make_unique<std::string>("moved"));
  umcg::call_once(flag, &Target::set, &target, std::make_unique<std::string>("moved"));
  EXPECT_EQ(target.text, "moved");
}

TEST(Once, TwoFlagsMayBeNested) {
  OnceFlag outer;
  OnceFlag inner;
  int runs = 0;
  umcg::call_once(outer, [&] { umcg::call_once(inner, [&] { ++runs; }); });
  EXPECT_EQ(runs, 1);
}

class OnceDeathTest : public umcg_test::DeathTest {};

TEST_F(OnceDeathTest, Recursion) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.spawn({.name = "ouroboros"}, [] {
            OnceFlag flag;
            umcg::call_once(flag, [&] { umcg::call_once(flag, [] {}); });
          }).join();
      },
      "ouroboros.*call_once.*wait for ever");
}

}  // namespace
