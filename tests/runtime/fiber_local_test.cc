// SPDX-License-Identifier: Apache-2.0
// FiberLocal: one value for each fiber and thread, made late, destroyed at the end, inherited.
#include "umcg/fiber_local.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/crew.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/this_fiber.h"

namespace {

using umcg::FiberLocal;
using umcg::Inherit;
using umcg_test::Crew;
using FiberLocalCrewTest = umcg_test::CrewTest;
using FiberLocalTest = umcg_test::MatrixTest;

constinit FiberLocal<int> number;
constinit FiberLocal<std::string> text;
static_assert(sizeof(number) == sizeof(void*));

TEST_P(FiberLocalCrewTest, EachHasItsOwn) {
  Crew crew(GetParam());
  for (int i = 0; i < 16; ++i) {
    crew.start([i] {
      EXPECT_EQ(number.try_get(), nullptr);
      EXPECT_EQ(*number, 0);
      int& mine = *number;
      *text = std::to_string(i);
      for (int k = 0; k < umcg_test::scaled(200); ++k) {
        ++*number;
        umcg::this_fiber::yield();
        EXPECT_EQ(*number, k + 1);
        EXPECT_EQ(&mine, &*number) << "it goes along";
        EXPECT_EQ(text->c_str(), std::to_string(i));
      }
      number.reset();
      EXPECT_EQ(number.try_get(), nullptr);
      EXPECT_EQ(number.get(), 0);
      number.reset();
      number.reset();
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(FiberLocalCrewTest);

struct Noted {
  std::vector<int>* log = nullptr;
  int id = 0;
  ~Noted() {
    if (log != nullptr) log->push_back(id);
  }
};
constinit FiberLocal<Noted> first;
constinit FiberLocal<Noted> second;

TEST_P(FiberLocalTest, DestroyedBeforeJoinReturnsTheYoungestFirst) {
  umcg::Runtime rt(options());
  std::vector<int> log;
  for (int k = 0; k < 100; ++k) {
    log.clear();
    struct Argument {
      explicit Argument(std::vector<int>* to) : log(to) {}
      std::vector<int>* log;
      ~Argument() { log->push_back(0); }
    };
    rt.spawn([argument = std::make_unique<Argument>(&log), &log] {
        first->id = 1;
        first->log = &log;
        umcg::this_fiber::yield();
        second->id = 2;
        second->log = &log;
      }).join();
    EXPECT_EQ(log, (std::vector<int>{0, 2, 1}));
  }
}

TEST_P(FiberLocalTest, DestroyedOnPostedFibersAndAfterAnException) {
  umcg::Runtime rt(options());
  std::vector<int> log;
  rt.post([&] {
    first->id = 1;
    first->log = &log;
  });
  ASSERT_TRUE(rt.wait_idle());
  umcg::Fiber<> f = rt.spawn([&] {
    first->id = 2;
    first->log = &log;
    throw std::runtime_error("thrown");
  });
  EXPECT_THROW(f.join(), std::runtime_error);
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
}

TEST_P(FiberLocalTest, DestroyedBeforeAScopeIsJoined) {
  umcg::Runtime rt(options());
  rt.run([] {
    for (int k = 0; k < 100; ++k) {
      std::vector<int> log;
      umcg::Scope scope;
      (void)scope.spawn([&] {
        first->id = 1;
        first->log = &log;
      });
      scope.join();
      EXPECT_EQ(log, std::vector<int>{1});
    }
  });
}

// A destructor that suspends, and makes other values.
struct Busy {
  std::atomic<int>* destroyed = nullptr;
  ~Busy();
};
constinit FiberLocal<Busy> busy;
Busy::~Busy() {
  for (int i = 0; i < 3; ++i) umcg::this_fiber::yield();
  *text = "made late";
  if (destroyed != nullptr) ++*destroyed;
}

TEST_P(FiberLocalTest, DestructorsMaySuspendAndUseValues) {
  umcg::Runtime rt(options());
  std::atomic<int> destroyed{0};
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 50; ++i) {
    fibers.push_back(rt.spawn([&] { busy->destroyed = &destroyed; }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(destroyed, 50);
  struct Result {
    ~Result() { *number = 7; }  // on the detached fiber, when it has ended
  };
  rt.post([] { return std::make_unique<Result>(); });
  EXPECT_TRUE(rt.wait_idle());
}

struct Refuses {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<bool> refuse{false};
  Refuses() { ++alive; }
  Refuses(const Refuses&) {
    if (refuse) throw std::runtime_error("no copy");
    ++alive;
  }
  ~Refuses() { --alive; }
};
constinit FiberLocal<std::string, Inherit::kCopy> trace;
constinit FiberLocal<Refuses, Inherit::kCopy> refuses;

TEST_P(FiberLocalTest, InheritedByChildren) {
  umcg::Runtime rt(options());
  *trace = "thread";
  *text = "not inherited";
  rt.spawn([] {
      EXPECT_EQ(*trace, "thread");
      EXPECT_EQ(text.try_get(), nullptr);
      *trace += "/parent";
      umcg::Fiber<> child = umcg::spawn([] {
        EXPECT_EQ(*trace, "thread/parent");
        *trace += "/child";
        umcg::spawn([] { EXPECT_EQ(*trace, "thread/parent/child"); }).join();
      });
      child.join();
      EXPECT_EQ(*trace, "thread/parent") << "the child's is a copy";
    }).join();
  trace.reset();
  text.reset();
  rt.run([] { EXPECT_EQ(trace.try_get(), nullptr); });
}

TEST_P(FiberLocalTest, ACopyThatThrowsIsThrownBySpawn) {
  umcg::Runtime rt(options());
  *trace = "copied before";
  (void)*refuses;
  EXPECT_EQ(Refuses::alive, 1);
  rt.run([] { EXPECT_EQ(Refuses::alive, 2); });
  Refuses::refuse = true;
  EXPECT_THROW((void)rt.spawn([] {}), std::runtime_error);
  EXPECT_THROW(rt.post([] {}), std::runtime_error);
  Refuses::refuse = false;
  struct Unbuildable {
    Unbuildable() = default;
    Unbuildable(const Unbuildable&) { throw std::logic_error("no task"); }
    void operator()() const {}
  };
  const Unbuildable task;
  EXPECT_THROW((void)rt.spawn(task), std::logic_error);
  EXPECT_EQ(Refuses::alive, 1);
  refuses.reset();
  trace.reset();
  EXPECT_EQ(Refuses::alive, 0);
}

TEST_P(FiberLocalTest, ValuesOutliveTheirFiberLocal) {
  umcg::Runtime rt(options());
  std::vector<int> log;
  rt.run([&] {
    {
      FiberLocal<Noted> brief;
      brief->log = &log;
      brief->id = 1;
    }
    // Perhaps at the same address, and of another type: not to be taken for the old one.
    FiberLocal<std::string> another;
    EXPECT_EQ(another.try_get(), nullptr);
    *another = "a string that needs memory of its own";
    EXPECT_TRUE(log.empty());
  });
  EXPECT_EQ(log, std::vector<int>{1});
}

UMCG_INSTANTIATE_MATRIX(FiberLocalTest);

TEST(FiberLocalOfThreads, DestroyedAtTheThreadsEnd) {
  std::vector<int> log;
  umcg::Event event;
  std::thread thread([&] {
    first->id = 1;
    first->log = &log;
    event.wait();
    *busy = Busy{};
  });
  event.set();
  thread.join();
  EXPECT_EQ(log, std::vector<int>{1});
}

}  // namespace
