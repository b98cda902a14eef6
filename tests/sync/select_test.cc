// SPDX-License-Identifier: Apache-2.0
// select(): exactly one case is done, those that lose leave no trace.
#include "umcg/select.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <system_error>
#include <vector>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Crew;
using umcg_test::kLong;
using SelectTest = umcg_test::CrewTest;

TEST_P(SelectTest, TheReadyCaseIsChosen) {
  Crew crew(GetParam());
  crew.start([] {
    umcg::Event never;
    umcg::Event set;
    umcg::Semaphore none(0);
    umcg::Semaphore two(2);
    set.set();
    EXPECT_EQ(umcg::select({never.on_set(), set.on_set()}), 1U);
    EXPECT_EQ(umcg::select({two.on_acquire(), never.on_set(), none.on_acquire()}), 0U);
    EXPECT_EQ(umcg::select({none.on_acquire(), two.on_acquire()}), 1U);
    EXPECT_FALSE(two.try_acquire()) << "both permits were taken";
    EXPECT_EQ(umcg::try_select({none.on_acquire(), two.on_acquire(), never.on_set()}),
              std::nullopt);
    EXPECT_EQ(umcg::try_select({none.on_acquire(), set.on_set()}), 1U);
    EXPECT_EQ(umcg::try_select({}), std::nullopt);
  });
  crew.join();
}

TEST_P(SelectTest, AnEventWakes) {
  Crew crew(GetParam());
  umcg::Event events[3];
  for (std::size_t i = 0; i < 3; ++i) {
    crew.start([&, i] {
      const std::size_t chosen =
          umcg::select({events[0].on_set(), events[1].on_set(), events[2].on_set()});
      EXPECT_EQ(chosen, 1U) << i;
    });
  }
  crew.start([&] {
    umcg::this_fiber::sleep_for(1ms);
    events[1].set();
  });
  crew.join();
}

TEST_P(SelectTest, APermitWakesOnceAndLosersTakeNone) {
  Crew crew(GetParam());
  umcg::Semaphore a(0);
  umcg::Semaphore b(0);
  std::atomic<int> chosen[2] = {0, 0};
  const int each = umcg_test::scaled(400);
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      for (int k = 0; k < each; ++k) ++chosen[umcg::select({a.on_acquire(), b.on_acquire()})];
    });
  }
  for (umcg::Semaphore* sem : {&a, &b}) {
    crew.start([&, sem] {
      for (int k = 0; k < 2 * each; ++k) {
        sem->release();
        if (k % 16 == 0) umcg::this_fiber::yield();
      }
    });
  }
  crew.join();
  EXPECT_EQ(chosen[0], 2 * each);
  EXPECT_EQ(chosen[1], 2 * each);
  EXPECT_FALSE(a.try_acquire());
  EXPECT_FALSE(b.try_acquire());
}

// A large request that loses must not hold up the small ones behind it.
TEST_P(SelectTest, ALoserAtTheHeadOfASemaphoreLetsTheNextThrough) {
  Crew crew(GetParam());
  umcg::Semaphore sem(1);
  umcg::Event other;
  crew.start([&] { EXPECT_EQ(umcg::select({sem.on_acquire(100), other.on_set()}), 1U); });
  ASSERT_TRUE(umcg_test::eventually([&] {
    if (!sem.try_acquire()) return true;
    sem.release();
    return false;
  }));
  crew.start([&] {
    sem.acquire();
    sem.release();
  });
  umcg::this_fiber::sleep_for(1ms);
  other.set();
  crew.join();
  EXPECT_TRUE(sem.try_acquire());
}

TEST_P(SelectTest, DeadlinesTheEarliestFirst) {
  Crew crew(GetParam());
  for (int i = 0; i < 4; ++i) {
    crew.start([] {
      umcg::Semaphore none(0);
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(umcg::select({umcg::on_deadline(kLong), none.on_acquire(), umcg::on_deadline(5ms),
                              umcg::on_deadline({})}),
                2U);
      EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
      EXPECT_EQ(umcg::try_select({none.on_acquire(), umcg::on_deadline(0ms)}), 1U);
      EXPECT_EQ(umcg::try_select({none.on_acquire(), umcg::on_deadline(kLong)}), std::nullopt);
    });
  }
  crew.join();
}

TEST_P(SelectTest, StopsOfSeveralSources) {
  Crew crew(GetParam());
  std::stop_source sources[2];
  umcg::Semaphore none(0);
  std::atomic<int> started{0};
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      ++started;
      EXPECT_EQ(umcg::select({umcg::on_stop(sources[0].get_token()), none.on_acquire(),
                              umcg::on_stop(sources[1].get_token()), umcg::on_stop({})}),
                2U);
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 4; }));
  sources[1].request_stop();
  crew.join();
  EXPECT_EQ(umcg::try_select({umcg::on_stop(sources[1].get_token())}), 0U);
  EXPECT_EQ(umcg::try_select({umcg::on_stop(sources[0].get_token())}), std::nullopt);
  EXPECT_EQ(umcg::try_select({umcg::on_stop({})}), std::nullopt);
}

TEST_P(SelectTest, ManyCasesMayBeMadeAtRunTime) {
  Crew crew(GetParam());
  umcg::Event events[40];
  crew.start([&] {
    std::vector<umcg::SelectCase> cases;
    for (auto& event : events) cases.push_back(event.on_set());
    EXPECT_EQ(umcg::select(cases), 37U);
    EXPECT_EQ(umcg::try_select(cases), 37U);
  });
  crew.start([&] { events[37].set(); });
  crew.join();
}

// Whoever ends a wait must not touch what the waiter then destroys.
TEST_P(SelectTest, ObjectsMayGoOnceItHasReturned) {
  Crew crew(GetParam());
  struct Box {
    umcg::Event event;
    umcg::Semaphore sem{0};
  };
  std::atomic<Box*> box{nullptr};
  const int rounds = umcg_test::scaled(2000);
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      Box mine;
      box = &mine;
      EXPECT_EQ(umcg::select({mine.event.on_set(), mine.sem.on_acquire()}),
                static_cast<std::size_t>(i % 2));
    }
  });
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      Box* theirs;
      while ((theirs = box.exchange(nullptr)) == nullptr) umcg::this_fiber::yield();
      i % 2 == 0 ? theirs->event.set() : theirs->sem.release();
    }
  });
  crew.join();
}

// Several things happen at once: one of them is chosen, and the permits are all still there.
TEST_P(SelectTest, EverythingAtOnce) {
  Crew crew(GetParam());
  umcg::Semaphore sem(0);
  std::atomic<int> taken{0};
  const int rounds = umcg_test::scaled(500);
  for (int i = 0; i < 4; ++i) {
    crew.start([&, i] {
      for (int k = 0; k < rounds; ++k) {
        std::stop_source source;
        umcg::Event event;
        const std::size_t chosen =
            umcg::select({sem.on_acquire(), umcg::on_stop(source.get_token()), event.on_set(),
                          umcg::on_deadline(std::chrono::microseconds(10 * ((i + k) % 5)))});
        EXPECT_TRUE(chosen == 0 || chosen == 3) << chosen;
        if (chosen == 0) ++taken;
      }
    });
  }
  crew.start([&] {
    for (int k = 0; k < rounds; ++k) {
      sem.release();
      umcg::this_fiber::sleep_for(std::chrono::microseconds(k % 40));
    }
  });
  crew.join();
  while (sem.try_acquire()) ++taken;
  EXPECT_EQ(taken, rounds);
}

UMCG_INSTANTIATE_CREWS(SelectTest);

class SelectFiberTest : public umcg_test::MatrixTest {};

TEST_P(SelectFiberTest, TheFirstOfTwoFibersThatEnds) {
  umcg::Runtime rt(options());
  for (int i = 0; i < umcg_test::scaled(500); ++i) {
    umcg::Event go;
    auto slow = rt.spawn([&] { go.wait(); });
    auto fast = rt.spawn([] { return 7; });
    EXPECT_EQ(umcg::select({slow.on_done(), fast.on_done()}), 1U);
    EXPECT_EQ(fast.join(), 7);
    go.set();
    EXPECT_EQ(umcg::select({slow.on_done()}), 0U);
    slow.join();
  }
  umcg::Fiber<> none;
  EXPECT_THROW((void)none.on_done(), std::system_error);
}

TEST_P(SelectFiberTest, OwnStopAndPinnedFibers) {
  umcg::Runtime rt(options());
  umcg::Event started;
  auto f = rt.spawn([&](std::stop_token stop) {
    umcg::this_fiber::ThreadPin pin;
    umcg::Semaphore none(0);
    started.set();
    return umcg::select({none.on_acquire(), umcg::on_stop(stop), umcg::on_deadline(kLong)});
  });
  started.wait();
  EXPECT_TRUE(f.request_stop());
  EXPECT_EQ(f.join(), 1U);
}

UMCG_INSTANTIATE_MATRIX(SelectFiberTest);

TEST(SelectFairness, ReadyCasesAreChosenAlike) {
  umcg::Event events[4];
  for (int i : {0, 1, 3}) events[i].set();
  const int rounds = umcg_test::scaled(1'000'000);
  int chosen[4] = {};
  for (int i = 0; i < rounds; ++i) {
    ++chosen[umcg::select(
        {events[0].on_set(), events[1].on_set(), events[2].on_set(), events[3].on_set()})];
  }
  EXPECT_EQ(chosen[2], 0);
  for (int i : {0, 1, 3}) {
    EXPECT_GE(chosen[i], rounds * 0.30) << i;
    EXPECT_LE(chosen[i], rounds * 0.36) << i;
  }
}

class SelectDeathTest : public umcg_test::DeathTest {};

TEST_F(SelectDeathTest, WithoutACase) {
  EXPECT_DEATH((void)umcg::select({}), "umcg: thread .*select\\(\\) without a case");
}

TEST_F(SelectDeathTest, InAStopCallback) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt({.servers = 1});
        rt.run([] {
          std::stop_source source;
          umcg::Semaphore none(0);
          umcg::Event ready;
          auto f = umcg::spawn([&](std::stop_token stop) {
            std::stop_callback callback(stop, [&] { (void)umcg::select({none.on_acquire()}); });
            ready.set();
            none.acquire();
          });
          ready.wait();
          f.request_stop();
        });
      },
      "stop callback must not suspend");
}

}  // namespace
