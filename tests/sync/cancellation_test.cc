// SPDX-License-Identifier: Apache-2.0
// Every operation that can block, through the one overload (std::stop_token, Deadline): what it
// says before, during and after the wait, and what it says when a stop, a deadline and the
// completion come together. Each operation is described once, below; the tests are the same.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/fiber.h"
#include "umcg/future.h"
#include "umcg/mutex.h"
#include "umcg/scope.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;
using umcg::Deadline;
using umcg::WaitStatus;
using umcg_test::Crew;
using umcg_test::kLong;

// One operation on an object of its own.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual WaitStatus wait(std::stop_token stop, Deadline deadline) = 0;
  // What is waited for happens. Once, by anybody.
  virtual void complete() = 0;
  // Whether a wait that has not said kReady has left it to be had by another one.
  virtual bool is_there() = 0;
};

class LockMutex final : public Operation {
 public:
  LockMutex() {
    holder_ = std::thread([this] {  // a mutex is unlocked by who has locked it
      mutex_.lock();
      locked_.set();
      go_.wait();
      mutex_.unlock();
    });
    locked_.wait();
  }
  ~LockMutex() override { holder_.join(); }
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    const WaitStatus s = mutex_.lock(stop, deadline);
    if (s == WaitStatus::kReady) mutex_.unlock();
    return s;
  }
  void complete() override { go_.set(); }
  bool is_there() override {
    return umcg_test::eventually([this] {
      if (!mutex_.try_lock()) return false;
      mutex_.unlock();
      return true;
    });
  }

 private:
  umcg::Mutex mutex_;
  umcg::Event locked_;
  umcg::Event go_;
  std::thread holder_;
};

class WaitForCondition final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    std::unique_lock lock(mutex_);
    const WaitStatus s = changed_.wait(
        lock, [this] { return happened_; }, stop, deadline);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(mutex_.try_lock()) << "the lock is held again, whatever the status";
    return s;
  }
  void complete() override {
    const std::scoped_lock lock(mutex_);
    happened_ = true;
    changed_.notify_one();
  }
  bool is_there() override { return wait({}, 0s) == WaitStatus::kReady; }

 private:
  umcg::Mutex mutex_;
  umcg::ConditionVariable changed_;
  bool happened_ = false;
};

class AcquireSemaphore final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return semaphore_.acquire(stop, deadline);
  }
  void complete() override { semaphore_.release(); }
  bool is_there() override { return semaphore_.try_acquire(); }

 private:
  umcg::Semaphore semaphore_{0};
};

class WaitForEvent final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return event_.wait(stop, deadline);
  }
  void complete() override { event_.set(); }
  bool is_there() override { return event_.is_set(); }

 private:
  umcg::Event event_;
};

class WaitForGroup final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return group_.wait(stop, deadline);
  }
  void complete() override { group_.done(); }
  bool is_there() override { return wait({}, 0s) == WaitStatus::kReady; }

 private:
  umcg::WaitGroup group_{1};
};

class WaitForFuture final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return future_.wait(stop, deadline);
  }
  void complete() override { promise_.set_value(1); }
  bool is_there() override { return future_.get() == 1; }

 private:
  umcg::Promise<int> promise_;
  umcg::Future<int> future_ = promise_.get_future();
};

// The ends of fibers, which come a little after what brings them about.
class WithRuntime : public Operation {
 public:
  void complete() override { go_.set(); }

 protected:
  umcg::Runtime& runtime() {
    static umcg::Runtime rt({.servers = 2});
    return rt;
  }
  umcg::Event go_;
};

class WaitForFiber final : public WithRuntime {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return fiber_.wait(stop, deadline);
  }
  bool is_there() override { return wait({}, kLong) == WaitStatus::kReady; }

 private:
  umcg::Fiber<> fiber_ = runtime().spawn([this] { go_.wait(); });
};

class WaitForScope final : public WithRuntime {
 public:
  WaitForScope() {
    auto e = runtime().enter();
    scope_ = std::make_unique<umcg::Scope>(Deadline(), std::stop_token());
    scope_->spawn([this] { go_.wait(); });
  }
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return scope_->wait(stop, deadline);
  }
  bool is_there() override { return wait({}, kLong) == WaitStatus::kReady; }

 private:
  std::unique_ptr<umcg::Scope> scope_;
};

struct OperationKind {
  const char* name;
  std::unique_ptr<Operation> (*make)();
};
template <class T>
std::unique_ptr<Operation> make() {
  return std::make_unique<T>();
}
constexpr OperationKind kOperations[] = {
    {"mutex", make<LockMutex>},
    {"condition", make<WaitForCondition>},
    {"semaphore", make<AcquireSemaphore>},
    {"event", make<WaitForEvent>},
    {"wait_group", make<WaitForGroup>},
    {"future", make<WaitForFuture>},
    {"fiber", make<WaitForFiber>},
    {"scope", make<WaitForScope>},
};

class CancellationTest
    : public ::testing::TestWithParam<std::tuple<OperationKind, umcg_test::CrewCase>> {
 protected:
  static std::unique_ptr<Operation> make() { return std::get<0>(GetParam()).make(); }
  static umcg_test::CrewCase crew() { return std::get<1>(GetParam()); }
};

TEST_P(CancellationTest, RefusesEarly) {
  Crew c(crew());
  auto op = make();
  c.start([&] {
    std::stop_source asked;
    asked.request_stop();
    EXPECT_EQ(op->wait({}, 0s), WaitStatus::kTimeout);
    EXPECT_EQ(op->wait({}, -1s), WaitStatus::kTimeout);
    EXPECT_EQ(op->wait(asked.get_token(), kLong), WaitStatus::kStopped);
    EXPECT_EQ(op->wait(asked.get_token(), {}), WaitStatus::kStopped);
    EXPECT_EQ(op->wait(asked.get_token(), 0s), WaitStatus::kTimeout)
        << "the deadline is told first";
  });
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

TEST_P(CancellationTest, ReadyComesBeforeDeadlineAndStop) {
  Crew c(crew());
  auto op = make();
  op->complete();
  c.start([&] {
    std::stop_source asked;
    asked.request_stop();
    while (op->wait({}, 1ms) != WaitStatus::kReady) {  // an end comes after what brings it about
    }
    if (std::string_view(std::get<0>(GetParam()).name) == "semaphore") op->complete();
    EXPECT_EQ(op->wait(asked.get_token(), 0s), WaitStatus::kReady);
  });
  c.join();
}

TEST_P(CancellationTest, TimesOutNotEarly) {
  Crew c(crew());
  auto op = make();
  c.start([&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(op->wait({}, 2ms), WaitStatus::kTimeout);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
    std::stop_source never;
    EXPECT_EQ(op->wait(never.get_token(), 1ms), WaitStatus::kTimeout);
  });
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

TEST_P(CancellationTest, StopEndsTheWait) {
  Crew c(crew());
  auto op = make();
  std::stop_source source;
  std::atomic<int> started{0};
  for (Deadline d : {Deadline(), Deadline(kLong)}) {
    c.start([&, d] {
      ++started;
      EXPECT_EQ(op->wait(source.get_token(), d), WaitStatus::kStopped);
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 2; }));
  source.request_stop();
  c.join();
  op->complete();
  EXPECT_TRUE(op->is_there());
}

// Completion, stop and deadline at about the same moment: the wait says what it got, and what it
// did not take is there.
TEST_P(CancellationTest, AllAtOnce) {
  Crew c(crew());
  struct Round {
    std::unique_ptr<Operation> op;
    std::stop_source source;
    umcg::WaitGroup over{3};
    WaitStatus status = WaitStatus::kClosed;
  };
  std::vector<std::unique_ptr<Round>> rounds;
  for (int i = 0; i < umcg_test::scaled(100); ++i) {
    rounds.push_back(std::make_unique<Round>());
    rounds.back()->op = make();
  }
  const auto each = [&](unsigned seed, auto act) {
    c.start([&rounds, seed, act] {
      std::mt19937 random(seed);
      for (auto& r : rounds) {
        act(*r, std::chrono::microseconds(random() % 30));
        r->over.done();
        r->over.wait();
      }
    });
  };
  each(1, [](Round& r, auto d) { r.status = r.op->wait(r.source.get_token(), d); });
  each(2, [](Round& r, auto d) {
    umcg::this_fiber::sleep_for(d);
    r.op->complete();
  });
  each(3, [](Round& r, auto d) {
    umcg::this_fiber::sleep_for(d);
    r.source.request_stop();
  });
  c.join();
  for (auto& r : rounds) {
    EXPECT_NE(r->status, WaitStatus::kClosed);
    if (r->status != WaitStatus::kReady) {
      EXPECT_TRUE(r->op->is_there());
    }
  }
}

std::vector<umcg_test::CrewCase> few_crews() {
  using umcg_test::Mix;
  return {{Mix::kThreads, 1, umcg::Handoff::kAuto},
          {Mix::kFibers, 1, umcg::Handoff::kAuto},
          {Mix::kFibersAndThreads, 2, umcg::Handoff::kChaos},
          {Mix::kTwoRuntimes, 2, umcg::Handoff::kChaos}};
}

INSTANTIATE_TEST_SUITE_P(Operations, CancellationTest,
                         ::testing::Combine(::testing::ValuesIn(kOperations),
                                            ::testing::ValuesIn(few_crews())),
                         [](const auto& param) {
                           return std::get<0>(param.param).name + std::string("_") +
                                  umcg_test::crew_name({std::get<1>(param.param), param.index});
                         });

// The std forms are not interrupted: they have no token to be asked by.
TEST(Cancellation, StdFormsAreNotInterrupted) {
  umcg::Runtime rt({.servers = 2});
  umcg::Event started;
  umcg::Event go;
  auto f = rt.spawn([&] {
    started.set();
    go.wait();
    umcg::this_fiber::sleep_for(1ms);
    return umcg::this_fiber::get_stop_token().stop_requested();
  });
  started.wait();
  f.request_stop();
  EXPECT_EQ(f.wait({}, 5ms), WaitStatus::kTimeout);
  go.set();
  EXPECT_TRUE(f.join());
}

}  // namespace
