// SPDX-License-Identifier: Apache-2.0
// What was tried in vain again and again is tried seldom, until it pays.
#include "kernel_shim/trust.h"

#include <gtest/gtest.h>

namespace {

using umcg::internal::shim::Trust;

// Of so many chances, each of them in vain.
template <int kMakesUpFor>
int tries(Trust<kMakesUpFor>& trust, int chances) {
  int tried = 0;
  for (int i = 0; i < chances; ++i) {
    if (!trust.takes_this_chance()) continue;
    ++tried;
    trust.was_in_vain();
  }
  return tried;
}

TEST(Trust, BecomesDoubtAfterTriesInVain) {
  Trust<8> trust;
  EXPECT_EQ(tries(trust, 8), 8);
  EXPECT_EQ(tries(trust, 32), 1);
  EXPECT_EQ(tries(trust, 64 + 128), 2);
  EXPECT_EQ(tries(trust, 5 * 256), 5);
}

TEST(Trust, ComesBackWithOneThatPays) {
  Trust<8> trust;
  (void)tries(trust, 8);
  (void)tries(trust, 1000);
  trust.has_paid();
  EXPECT_EQ(tries(trust, 8), 8);
  EXPECT_EQ(tries(trust, 32), 1);
}

TEST(Trust, OneThatPaysMakesUpForSoMany) {
  Trust<2> trust;
  (void)tries(trust, 8);
  trust.has_paid();
  EXPECT_EQ(tries(trust, 2 + 31), 2);
}

}  // namespace
