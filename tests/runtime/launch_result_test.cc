// SPDX-License-Identifier: Apache-2.0
// What comes back from a fiber: void, values, move-only values, references.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/matrix.h"
#include "umcg/runtime.h"

namespace {

using LaunchResult = umcg_test::MatrixTest;

TEST_P(LaunchResult, Void) {
  umcg::Runtime rt(options());
  bool ran = false;
  umcg::Fiber<> f = rt.spawn([&] { ran = true; });
  f.join();
  EXPECT_TRUE(ran);
  static_assert(std::is_void_v<decltype(f.join())>);
}

TEST_P(LaunchResult, Values) {
  umcg::Runtime rt(options());
  umcg::Fiber<int> f = rt.spawn([] { return 42; });
  EXPECT_EQ(f.join(), 42);
  EXPECT_EQ(rt.spawn([] { return std::string(1000, 'x'); }).join(), std::string(1000, 'x'));
}

TEST_P(LaunchResult, MoveOnly) {
  umcg::Runtime rt(options());
  umcg::Fiber<std::unique_ptr<int>> f = rt.spawn([] { return std::make_unique<int>(3); });
  std::unique_ptr<int> result = f.join();
  EXPECT_EQ(*result, 3);
}

TEST_P(LaunchResult, LvalueReference) {
  umcg::Runtime rt(options());
  int n = 0;
  umcg::Fiber<int&> f = rt.spawn([&]() -> int& { return n; });
  int& r = f.join();
  EXPECT_EQ(&r, &n);
}

TEST_P(LaunchResult, ConstReference) {
  umcg::Runtime rt(options());
  const std::string s = "text";
  auto f = rt.spawn([&]() -> const std::string& { return s; });
  const std::string& r = f.join();
  EXPECT_EQ(&r, &s);
}

TEST_P(LaunchResult, RvalueReference) {
  umcg::Runtime rt(options());
  std::vector<int> v{1, 2, 3};
  auto f = rt.spawn([&]() -> std::vector<int>&& { return std::move(v); });
  static_assert(std::is_same_v<decltype(f), umcg::Fiber<std::vector<int>&&>>);
  std::vector<int> taken = f.join();
  EXPECT_EQ(taken.size(), 3U);
  EXPECT_TRUE(v.empty());
}

TEST_P(LaunchResult, NotDefaultConstructible) {
  struct Strict {
    explicit Strict(int v) : value(v) {}
    int value;
  };
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.spawn([] { return Strict(9); }).join().value, 9);
}

struct Counted {
  static inline std::atomic<int> alive{0};
  Counted() { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --alive; }
};

TEST_P(LaunchResult, DestroyedOnceWhetherTakenOrNot) {
  umcg::Runtime rt(options());
  {
    Counted taken = rt.spawn([] { return Counted(); }).join();
  }
  EXPECT_EQ(Counted::alive, 0);
  {
    auto dropped = rt.spawn([] { return Counted(); });
  }
  EXPECT_EQ(Counted::alive, 0);
  rt.spawn([] { return Counted(); }).detach();
  rt.post([] { return Counted(); });
  EXPECT_TRUE(rt.wait_idle());
  EXPECT_EQ(Counted::alive, 0);
}

TEST_P(LaunchResult, OverAligned) {
  struct alignas(256) Wide {
    int value = 1;
  };
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.spawn([] { return Wide{5}; }).join().value, 5);
}

TEST_P(LaunchResult, RunReturnsWhatTheFunctionReturns) {
  umcg::Runtime rt(options());
  EXPECT_EQ(rt.run([] { return 5; }), 5);
  int n = 0;
  static_assert(std::is_same_v<decltype(rt.run([&]() -> int& { return n; })), int&>);
  rt.run([&]() -> int& { return n; }) = 4;
  EXPECT_EQ(n, 4);
  rt.run([&] { n = 6; });
  EXPECT_EQ(n, 6);
  EXPECT_EQ(*rt.run([] { return std::make_unique<int>(8); }), 8);
}

TEST_P(LaunchResult, WritesOfTheFiberAreSeenAfterJoin) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 2000; ++i) {
    int plain = 0;  // no atomic: join() must order it, and TSan watches
    auto f = rt.spawn([&] { plain = i + 1; });
    f.join();
    ASSERT_EQ(plain, i + 1);
  }
}

UMCG_INSTANTIATE_MATRIX(LaunchResult);

}  // namespace
