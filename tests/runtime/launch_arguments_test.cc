// SPDX-License-Identifier: Apache-2.0
// What spawn() does with the function and its arguments: as std::thread and std::jthread do.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>

#include "support/matrix.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using LaunchArguments = umcg_test::MatrixTest;

TEST_P(LaunchArguments, ArgumentsAreCopiedAtTheCall) {
  umcg::Runtime rt(options());
  umcg::Event go;
  std::string text = "before";
  auto f = rt.spawn(
      [&go](const std::string& copy) {
        go.wait();
        return copy;
      },
      text);
  text = "after";
  go.set();
  EXPECT_EQ(f.join(), "before");
}

TEST_P(LaunchArguments, ArraysAndFunctionsDecay) {
  umcg::Runtime rt(options());
  auto f = rt.spawn(
      [](auto text) {
        static_assert(std::is_same_v<decltype(text), const char*>);
        return std::string(text);
      },
      "literal");
  EXPECT_EQ(f.join(), "literal");
}

int twice(int x) { return 2 * x; }

TEST_P(LaunchArguments, PlainFunctions) {
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.spawn(twice, 21).join(), 42);
  EXPECT_EQ(rt.spawn(&twice, 4).join(), 8);
}

TEST_P(LaunchArguments, ReferenceWrappersReferToTheOriginal) {
  umcg::Runtime rt(options());
  int n = 1;
  rt.spawn([](int& ref) { ref = 7; }, std::ref(n)).join();
  EXPECT_EQ(n, 7);
}

TEST_P(LaunchArguments, MoveOnlyArgumentsAndFunctions) {
  umcg::Runtime rt(options());
  auto f = rt.spawn([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(5));
  EXPECT_EQ(f.join(), 5);
  auto g = rt.spawn([p = std::make_unique<int>(6)] { return *p; });
  EXPECT_EQ(g.join(), 6);
}

struct Account {
  int balance = 10;
  int add(int n) { return balance += n; }
  int read() const { return balance; }
};

TEST_P(LaunchArguments, PointersToMembers) {
  umcg::Runtime rt(options());
  Account account;
  EXPECT_EQ(rt.spawn(&Account::add, &account, 5).join(), 15);
  EXPECT_EQ(rt.spawn(&Account::add, std::ref(account), 5).join(), 20);
  EXPECT_EQ(rt.spawn(&Account::add, account, 5).join(), 25) << "works on a copy";
  EXPECT_EQ(account.balance, 20);
  EXPECT_EQ(rt.spawn(&Account::read, std::make_unique<Account>()).join(), 10);
  EXPECT_EQ(rt.spawn(&Account::balance, &account).join(), 20);
}

TEST_P(LaunchArguments, StopTokenFirstIsTheFibersOwn) {
  umcg::Runtime rt(options());
  auto f = rt.spawn(
      [](std::stop_token stop, int x) {
        EXPECT_TRUE(stop == umcg::this_fiber::get_stop_token());
        umcg::Event never;
        EXPECT_EQ(never.wait(stop), umcg::WaitStatus::kStopped);
        return x + stop.stop_requested();
      },
      1);
  EXPECT_TRUE(f.request_stop());
  EXPECT_FALSE(f.request_stop());
  EXPECT_EQ(f.join(), 2);
}

TEST_P(LaunchArguments, CallableBothWaysGetsTheToken) {
  struct Both {
    bool operator()(std::stop_token) const { return true; }
    bool operator()() const { return false; }
  };
  umcg::Runtime rt(options());
  EXPECT_TRUE(rt.spawn(Both{}).join());
}

// 64 bytes are said to fit a descriptor; everything about it must work on either side of that.
template <std::size_t kBytes>
void big_closure(umcg::Runtime& rt) {
  std::array<unsigned char, kBytes> bytes;
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(1));
  auto f = rt.spawn([bytes] { return bytes; });
  EXPECT_EQ(f.join(), bytes) << kBytes;
}

TEST_P(LaunchArguments, ClosuresOfAllSizes) {
  umcg::Runtime rt(options());
  big_closure<1>(rt);
  big_closure<8>(rt);
  big_closure<48>(rt);
  big_closure<63>(rt);
  big_closure<64>(rt);
  big_closure<65>(rt);
  big_closure<500>(rt);
  big_closure<4096>(rt);
  big_closure<100'000>(rt);
}

template <std::size_t kAlign>
struct alignas(kAlign) Aligned {
  unsigned char byte = 7;
  bool well_placed() const { return reinterpret_cast<std::uintptr_t>(this) % kAlign == 0; }
};

template <std::size_t kAlign>
void aligned_closure(umcg::Runtime& rt) {
  // Several, so that none is aligned by luck.
  for (int i = 0; i < 20; ++i) {
    auto f = rt.spawn([a = Aligned<kAlign>()] {
      EXPECT_TRUE(a.well_placed()) << kAlign;
      Aligned<kAlign> local;  // the stack must be aligned as well
      EXPECT_TRUE(local.well_placed()) << kAlign;
      return a;
    });
    EXPECT_EQ(f.join().byte, 7);
  }
}

TEST_P(LaunchArguments, OverAlignedClosures) {
  umcg::Runtime rt(options());
  aligned_closure<16>(rt);
  aligned_closure<32>(rt);
  aligned_closure<64>(rt);
  aligned_closure<128>(rt);
  aligned_closure<4096>(rt);
}

TEST_P(LaunchArguments, ArgumentsAreGoneBeforeJoinReturns) {
  umcg::Runtime rt(options());
  auto counted = std::make_shared<int>(1);
  auto f = rt.spawn([counted](const std::shared_ptr<int>& p) { return *p; }, counted);
  EXPECT_EQ(f.join(), 1);
  EXPECT_EQ(counted.use_count(), 1);
}

TEST_P(LaunchArguments, PostReleasesTheClosure) {
  umcg::Runtime rt(options());
  auto counted = std::make_shared<int>(1);
  rt.post([counted](const std::shared_ptr<int>&) {}, counted);
  EXPECT_TRUE(rt.wait_idle());
  EXPECT_EQ(counted.use_count(), 1);
}

TEST_P(LaunchArguments, ACopyThatThrowsLeavesNothingBehind) {
  struct Throws {
    Throws() = default;
    Throws(const Throws&) { throw std::runtime_error("copy"); }
    void operator()() const { FAIL() << "must not run"; }
  };
  umcg::Runtime rt(options());
  const Throws original;
  for (int i = 0; i < 100; ++i) EXPECT_THROW((void)rt.spawn(original), std::runtime_error);
  EXPECT_TRUE(rt.wait_idle());
  EXPECT_EQ(rt.stats().fibers_live, 0U);
}

UMCG_INSTANTIATE_MATRIX(LaunchArguments);

}  // namespace
