// SPDX-License-Identifier: Apache-2.0
// A fiber ends just when somebody gives up waiting for it, and then joins or detaches it: each
// result arrives or is destroyed, once, and no descriptor is used by two.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <stop_token>
#include <utility>

#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"

namespace {

using namespace std::chrono_literals;
using EndRace = umcg_test::MatrixTest;

// Counts itself while it lives.
class Result {
 public:
  Result(int value, std::atomic<int>& alive) : value_(value), alive_(&alive) { ++alive; }
  Result(Result&& other) noexcept : value_(other.value_), alive_(other.alive_) { ++*alive_; }
  Result& operator=(Result&&) = delete;
  ~Result() { --*alive_; }
  int value() const { return value_; }

 private:
  int value_;
  std::atomic<int>* alive_;
};

void compute(unsigned steps) {
  for (unsigned n = steps; n > 0; --n) asm volatile("");
}

// Waits for each for about as long as it takes, then joins two of three.
void wait_join_detach(umcg::Runtime& rt, std::atomic<int>& alive, int rounds) {
  std::minstd_rand random(1);
  for (int i = 0; i < rounds; ++i) {
    auto f = rt.spawn([&alive, i, steps = random() % 8'000] {
      compute(steps);
      return Result(i, alive);
    });
    const auto limit = std::chrono::nanoseconds(random() % 4'000);
    (void)f.wait(std::stop_token(), limit);
    compute(random() % 200);
    if (i % 3 == 0) {
      f.detach();
    } else {
      ASSERT_EQ(f.join().value(), i);
    }
  }
}

TEST_P(EndRace, GivesUpThenJoinsOrDetaches) {
  std::atomic<int> alive{0};
  {
    umcg::Runtime rt(options());
    const int rounds = umcg_test::scaled(20'000);
    rt.spawn([&] { wait_join_detach(rt, alive, rounds); }).join();
    wait_join_detach(rt, alive, rounds / 10);
  }
  EXPECT_EQ(alive, 0);
}

UMCG_INSTANTIATE_MATRIX(EndRace);

}  // namespace
