// SPDX-License-Identifier: Apache-2.0
// What is allocated, counted: nothing for a spawn and the stop state that nobody asks for, one
// block for a promise and its future.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <stop_token>

#include "support/sanitizers.h"
#include "umcg/future.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/this_fiber.h"
#include "umcg/thread_pool.h"

namespace {

// Of this thread: others, such as the one that waits for the fibers, have needs of their own.
thread_local long allocations = 0;

}  // namespace

// The sanitizers have operators of their own.
#if !UMCG_TEST_SANITIZED
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

namespace {

class Allocations : public ::testing::Test {
 protected:
  void SetUp() override {
    if (UMCG_TEST_SANITIZED) GTEST_SKIP() << "not counted under a sanitizer";
    ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  }
  // Without hand-off all of its fibers are on one thread.
  static umcg::RuntimeOptions one_thread() {
    return {.servers = 1, .handoff = umcg::Handoff::kOff};
  }
  // For each of n rounds, on a fiber, after some rounds that may fill caches.
  template <class Round>
  static double per_round(int n, Round round) {
    umcg::Runtime rt(one_thread());
    return rt.run([&] {
      for (int i = 0; i < 1000; ++i) round();
      const long before = allocations;
      for (int i = 0; i < n; ++i) round();
      return static_cast<double>(allocations - before) / n;
    });
  }
};

TEST_F(Allocations, AMillionSpawnsMakeNoStopState) {
  EXPECT_EQ(per_round(1'000'000, [] { umcg::spawn([] {}).join(); }), 0);
}

TEST_F(Allocations, NorDoesARequestThatNobodyHears) {
  EXPECT_EQ(per_round(1'000'000,
                      [] {
                        auto f = umcg::spawn([] {});
                        f.request_stop();
                        f.join();
                      }),
            0);
}

TEST_F(Allocations, TheFirstTokenMakesIt) {
  EXPECT_GT(per_round(1000, [] { (void)umcg::spawn([](std::stop_token) {}).join(); }), 0);
}

TEST_F(Allocations, OnePerPromise) {
  EXPECT_EQ(per_round(1000,
                      [] {
                        umcg::Promise<int> p;
                        auto f = p.get_future();
                        p.set_value(1);
                        f.get();
                      }),
            1);
}

TEST_F(Allocations, OnePerChildOfAScope) {
  umcg::Runtime rt(one_thread());
  rt.run([] {
    umcg::Scope scope;
    scope.spawn([] {}).get();
    const long before = allocations;
    for (int i = 0; i < 10; ++i) scope.spawn([] { return 1; }).get();
    EXPECT_EQ(allocations - before, 10);
  });
}

TEST_F(Allocations, OnePerSubmitAndNonePerPost) {
  umcg::Runtime rt(one_thread());
  rt.run([&] {
    umcg::ThreadPool pool(rt, {.max_in_flight = 2});
    pool.submit([] {}).get();
    const long before = allocations;
    for (int i = 0; i < 10; ++i) pool.submit([] { return 1; }).get();
    EXPECT_EQ(allocations - before, 10);
    for (int i = 0; i < 50; ++i) pool.post([] {});
    pool.wait();
    EXPECT_EQ(allocations - before, 10);
  });
}

}  // namespace
