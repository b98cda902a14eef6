// SPDX-License-Identifier: Apache-2.0
// brief_look_test.cc - when a swap looks for its answer before it sleeps, and when it no longer
// does.
#include "kernel_shim/brief_look.h"

#include <gtest/gtest.h>

#include <atomic>

#include "kernel_shim/linger.h"
#include "support/on_one_cpu.h"
#include "test_util.h"

namespace {

using umcg::internal::shim::BriefLook;

// How many times a look that is in vain asks.
int asks(BriefLook& look) {
  int asked = 0;
  EXPECT_FALSE(look.sees([&] {
    ++asked;
    return false;
  }));
  return asked;
}

TEST(BriefLook, EndsWithWhatItLooksFor) {
  BriefLook look;
  int asked = 0;
  EXPECT_TRUE(look.sees([&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
}

TEST(BriefLook, LooksSeldomAfterLooksInVain) {
  BriefLook look;
  for (int i = 0; i < 8; ++i) EXPECT_GT(asks(look), 0) << i;
  int looks = 0;
  for (int i = 0; i < 32 + 64 + 128; ++i) looks += asks(look) > 0;
  EXPECT_EQ(looks, 3);
}

TEST(BriefLook, TrustsAgainAfterOneThatSaw) {
  BriefLook look;
  for (int i = 0; i < 8; ++i) asks(look);
  while (!look.sees([] { return true; })) {
  }
  for (int i = 0; i < 8; ++i) EXPECT_GT(asks(look), 0) << i;
  EXPECT_EQ(asks(look), 0);
}

// What a look in vain leaves behind tells whether there was one.
bool lingers(std::uint32_t other) {
  const umcg::internal::shim::CpuNote there{other};
  const std::atomic<std::uint64_t> word{0};
  BriefLook look;
  for (int i = 0; i < 8; ++i) umcg::internal::shim::linger(there, look, word, 1);
  return asks(look) == 0;
}

TEST(Linger, OnlyIfTheOtherWasSeenOnAnotherCpu) {
  const umcg_test::OnOneCpu one_cpu;
  const std::uint32_t here = umcg::internal::shim::this_cpu();
  EXPECT_TRUE(lingers(here + 1));
  EXPECT_FALSE(lingers(here)) << "the other one cannot run meanwhile";
  EXPECT_FALSE(lingers(0)) << "not known";
}

}  // namespace
