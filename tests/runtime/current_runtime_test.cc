// SPDX-License-Identifier: Apache-2.0
// Which runtime a spawn() means, and the ways into one from a thread or another runtime.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/death.h"
#include "support/matrix.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using CurrentRuntime = umcg_test::MatrixTest;

TEST_P(CurrentRuntime, ThreadsHaveNone) {
  umcg::Runtime rt(options());
  EXPECT_EQ(umcg::Runtime::try_current(), nullptr);
}

TEST_P(CurrentRuntime, FibersHaveTheirs) {
  umcg::Runtime rt(options());
  EXPECT_EQ(&rt.run([]() -> umcg::Runtime& { return umcg::Runtime::current(); }), &rt);
  EXPECT_EQ(rt.run([] { return umcg::spawn([] { return umcg::Runtime::try_current(); }).join(); }),
            &rt);
}

TEST_P(CurrentRuntime, EnterGivesAThreadOne) {
  umcg::Runtime rt(options());
  {
    const auto entered = rt.enter();
    EXPECT_EQ(umcg::Runtime::try_current(), &rt);
    EXPECT_EQ(umcg::spawn([] { return umcg::Runtime::try_current(); }).join(), &rt);
    umcg::Event posted;
    umcg::post([&] { posted.set(); });
    posted.wait();
    std::thread([] { EXPECT_EQ(umcg::Runtime::try_current(), nullptr); }).join();
  }
  EXPECT_EQ(umcg::Runtime::try_current(), nullptr);
}

TEST_P(CurrentRuntime, EnterNests) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  const auto in_a = a.enter();
  {
    const auto in_b = b.enter();
    EXPECT_EQ(umcg::Runtime::try_current(), &b);
    {
      const auto again = a.enter();
      EXPECT_EQ(umcg::Runtime::try_current(), &a);
    }
    EXPECT_EQ(umcg::Runtime::try_current(), &b);
  }
  EXPECT_EQ(umcg::Runtime::try_current(), &a);
}

TEST_P(CurrentRuntime, SpawnFromThreadsAtOnce) {
  umcg::Runtime rt(options());
  std::vector<std::thread> threads;
  std::atomic<int> ran{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        if (i % 2 == 0) {
          rt.post([&] { ++ran; });
        } else {
          rt.spawn([&] { ++ran; }).join();
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_TRUE(rt.wait_idle());
  EXPECT_EQ(ran, 2000);
}

TEST_P(CurrentRuntime, RunNests) {
  umcg::Runtime rt(options());
  const int depth =
      rt.run([&] { return 1 + rt.run([&] { return 1 + rt.run([] { return 1; }); }); });
  EXPECT_EQ(depth, 3);
}

TEST_P(CurrentRuntime, RunFromAFiberOfAnotherRuntime) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  a.run([&] {
    EXPECT_EQ(umcg::Runtime::try_current(), &a);
    b.run([&] {
      EXPECT_EQ(umcg::Runtime::try_current(), &b);
      a.run([&] { EXPECT_EQ(umcg::Runtime::try_current(), &a); });
    });
    EXPECT_EQ(umcg::Runtime::try_current(), &a) << "back home after the wait";
  });
}

TEST_P(CurrentRuntime, AFiberWaitsForOneOfAnotherRuntime) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  umcg::Event go;
  auto inner = b.spawn([&] {
    go.wait();
    return 5;
  });
  auto outer = a.spawn([&] { return inner.join() + 1; });
  go.set();
  EXPECT_EQ(outer.join(), 6);
}

TEST_P(CurrentRuntime, RuntimesShareObjects) {
  umcg::Runtime a(options());
  umcg::Runtime b(options());
  umcg::Mutex mutex;
  umcg::Event start;
  int plain = 0;
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 20; ++i) {
    fibers.push_back((i % 2 == 0 ? a : b).spawn([&] {
      start.wait();
      for (int k = 0; k < 100; ++k) {
        const std::scoped_lock lock(mutex);
        ++plain;
        if (k % 10 == 0) umcg::this_fiber::yield();
      }
    }));
  }
  start.set();
  for (auto& f : fibers) f.join();
  EXPECT_EQ(plain, 2000);
}

UMCG_INSTANTIATE_MATRIX(CurrentRuntime);

class CurrentRuntimeDeathTest : public umcg_test::DeathTest {};

TEST_F(CurrentRuntimeDeathTest, SpawnWithoutARuntime) {
  EXPECT_DEATH((void)umcg::spawn([] {}), "umcg: thread.*no runtime");
}
TEST_F(CurrentRuntimeDeathTest, PostWithoutARuntime) {
  EXPECT_DEATH(umcg::post([] {}), "no runtime");
}
TEST_F(CurrentRuntimeDeathTest, CurrentWithoutARuntime) {
  EXPECT_DEATH((void)umcg::Runtime::current(), "no runtime");
}
TEST_F(CurrentRuntimeDeathTest, AfterEnterHasEnded) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        { const auto entered = rt.enter(); }
        umcg::post([] {});
      },
      "no runtime");
}

}  // namespace
