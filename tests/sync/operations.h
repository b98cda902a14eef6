// SPDX-License-Identifier: Apache-2.0
// operations.h - every operation that can block, described once, for tests that do the same to all.
#ifndef UMCG_TESTS_SYNC_OPERATIONS_H_
#define UMCG_TESTS_SYNC_OPERATIONS_H_

#include <gtest/gtest.h>

#include <chrono>
#include <future>  // std::future_status
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "support/eventually.h"
#include "umcg/barrier.h"
#include "umcg/channel.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/fiber.h"
#include "umcg/future.h"
#include "umcg/latch.h"
#include "umcg/mutex.h"
#include "umcg/recursive_mutex.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/shared_future.h"
#include "umcg/shared_mutex.h"
#include "umcg/thread_pool.h"
#include "umcg/wait_group.h"

namespace umcg_test {

using umcg::Deadline;
using umcg::WaitStatus;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// One operation on an object of its own.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  virtual WaitStatus wait(std::stop_token stop, Deadline deadline) = 0;
  // The forms that std has; no value if there are none.
  virtual std::optional<bool> wait_for(Duration /*d*/) { return std::nullopt; }
  virtual std::optional<bool> wait_until(TimePoint /*t*/) { return std::nullopt; }
  // What is waited for happens. By anybody; again only after a wait that has taken it.
  virtual void complete() = 0;
  // Whether a wait that has not said kReady has left it to be had by another one.
  virtual bool is_there() = 0;
  // Whether a wait that says kReady takes it away.
  virtual bool takes() const { return false; }
};

// A lock by one way to take it, while a thread holds it.
template <class M, class Way>
class LockOperation final : public Operation {
 public:
  LockOperation() {
    holder_ = std::thread([this] {  // a mutex is unlocked by who has locked it
      mutex_.lock();
      locked_.set();
      go_.wait();
      mutex_.unlock();
    });
    locked_.wait();
  }
  ~LockOperation() override { holder_.join(); }
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    const WaitStatus s = Way::lock(mutex_, stop, deadline);
    if (s == WaitStatus::kReady) Way::unlock(mutex_);
    return s;
  }
  std::optional<bool> wait_for(Duration d) override { return given_back(Way::lock_for(mutex_, d)); }
  std::optional<bool> wait_until(TimePoint t) override {
    return given_back(Way::lock_until(mutex_, t));
  }
  void complete() override { go_.set(); }
  bool is_there() override {
    return eventually([this] { return given_back(Way::try_lock(mutex_)); });
  }

 private:
  bool given_back(bool locked) {
    if (locked) Way::unlock(mutex_);
    return locked;
  }

  M mutex_;
  umcg::Event locked_;
  umcg::Event go_;
  std::thread holder_;
};
struct Exclusively {
  static WaitStatus lock(auto& m, std::stop_token s, Deadline d) { return m.lock(s, d); }
  static bool lock_for(auto& m, Duration d) { return m.try_lock_for(d); }
  static bool lock_until(auto& m, TimePoint t) { return m.try_lock_until(t); }
  static bool try_lock(auto& m) { return m.try_lock(); }
  static void unlock(auto& m) { m.unlock(); }
};
struct Shared {
  static WaitStatus lock(auto& m, std::stop_token s, Deadline d) { return m.lock_shared(s, d); }
  static bool lock_for(auto& m, Duration d) { return m.try_lock_shared_for(d); }
  static bool lock_until(auto& m, TimePoint t) { return m.try_lock_shared_until(t); }
  static bool try_lock(auto& m) { return m.try_lock_shared(); }
  static void unlock(auto& m) { m.unlock_shared(); }
};

class WaitForCondition final : public Operation {
  auto locked(auto wait) {
    std::unique_lock lock(mutex_);
    const auto result = wait(lock, [this] { return happened_; });
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(mutex_.try_lock()) << "the lock is held again, whatever the status";
    return result;
  }

 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return locked([&](auto& lock, auto pred) { return changed_.wait(lock, pred, stop, deadline); });
  }
  std::optional<bool> wait_for(Duration d) override {
    return locked([&](auto& lock, auto pred) { return changed_.wait_for(lock, d, pred); });
  }
  std::optional<bool> wait_until(TimePoint t) override {
    return locked([&](auto& lock, auto pred) { return changed_.wait_until(lock, t, pred); });
  }
  void complete() override {
    const std::scoped_lock lock(mutex_);
    happened_ = true;
    changed_.notify_one();
  }
  bool is_there() override { return wait({}, Duration::zero()) == WaitStatus::kReady; }

 private:
  umcg::Mutex mutex_;
  umcg::ConditionVariable changed_;
  bool happened_ = false;
};

class AcquireSemaphore final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return semaphore_.acquire(stop, deadline, 2);
  }
  std::optional<bool> wait_for(Duration d) override { return semaphore_.try_acquire_for(d, 2); }
  std::optional<bool> wait_until(TimePoint t) override {
    return semaphore_.try_acquire_until(t, 2);
  }
  void complete() override { semaphore_.release(2); }
  bool is_there() override { return semaphore_.try_acquire(2); }
  bool takes() const override { return true; }

 private:
  umcg::Semaphore semaphore_{1};
};

// An object with wait() in all its forms, and something that ends them.
template <class T, void (T::*kComplete)(), auto... kArguments>
class WaitForObject final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return object_.wait(stop, deadline);
  }
  std::optional<bool> wait_for(Duration d) override { return object_.wait_for(d); }
  std::optional<bool> wait_until(TimePoint t) override { return object_.wait_until(t); }
  void complete() override { (object_.*kComplete)(); }
  bool is_there() override { return wait({}, Duration::zero()) == WaitStatus::kReady; }

 private:
  T object_{kArguments...};
};

class WaitForBarrier final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return barrier_.wait(token_, stop, deadline);
  }
  void complete() override { (void)barrier_.arrive(); }
  bool is_there() override { return wait({}, Duration::zero()) == WaitStatus::kReady; }

 private:
  umcg::Barrier<> barrier_{2};
  umcg::Barrier<>::arrival_token token_ = barrier_.arrive();
};

template <template <class> class FutureOf>
class WaitForFuture final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return future_.wait(stop, deadline);
  }
  std::optional<bool> wait_for(Duration d) override {
    return future_.wait_for(d) == std::future_status::ready;
  }
  std::optional<bool> wait_until(TimePoint t) override {
    return future_.wait_until(t) == std::future_status::ready;
  }
  void complete() override { promise_.set_value(1); }
  bool is_there() override { return future_.get() == 1; }

 private:
  umcg::Promise<int> promise_;
  FutureOf<int> future_ = promise_.get_future();
};

class Receive final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    std::optional<int> item = 5;
    const WaitStatus s = channel_.recv(item, stop, deadline);
    EXPECT_EQ(item, s == WaitStatus::kReady ? std::optional(1) : std::nullopt);
    return s;
  }
  void complete() override { EXPECT_TRUE(channel_.try_send(1)); }
  bool is_there() override { return channel_.try_recv() == 1; }
  bool takes() const override { return true; }

 private:
  umcg::Channel<int> channel_{1};
};

class Send final : public Operation {
 public:
  Send() { EXPECT_TRUE(channel_.try_send(std::make_unique<int>(1))); }
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    auto item = std::make_unique<int>(2);
    const WaitStatus s = channel_.send(std::move(item), stop, deadline);
    EXPECT_EQ(item == nullptr, s == WaitStatus::kReady);  // NOLINT(bugprone-use-after-move)
    return s;
  }
  void complete() override { EXPECT_NE(channel_.try_recv(), std::nullopt); }
  bool is_there() override { return channel_.try_send(std::make_unique<int>(3)); }
  bool takes() const override { return true; }

 private:
  umcg::Channel<std::unique_ptr<int>> channel_{1};
};

class Select final : public Operation {
 public:
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    // select() has no order among what is ready, so what it has is asked for first.
    if (const auto now = umcg::try_select({semaphore_.on_acquire()})) return WaitStatus::kReady;
    if (deadline.has_passed()) return WaitStatus::kTimeout;
    switch (
        umcg::select({semaphore_.on_acquire(), umcg::on_deadline(deadline), umcg::on_stop(stop)})) {
      case 0:
        return WaitStatus::kReady;
      case 1:
        return WaitStatus::kTimeout;
      default:
        return WaitStatus::kStopped;
    }
  }
  void complete() override { semaphore_.release(); }
  bool is_there() override { return semaphore_.try_acquire(); }
  bool takes() const override { return true; }

 private:
  umcg::Semaphore semaphore_{0};
};

// The ends of fibers, which come a little after what brings them about.
class WithRuntime : public Operation {
 public:
  void complete() override { go_.set(); }
  bool is_there() override { return wait({}, kLong) == WaitStatus::kReady; }

 protected:
  static umcg::Runtime& runtime() {
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

 private:
  std::unique_ptr<umcg::Scope> scope_;
};

class WaitForPool final : public WithRuntime {
 public:
  WaitForPool() {
    pool_.post([this] { go_.wait(); });
  }
  WaitStatus wait(std::stop_token stop, Deadline deadline) override {
    return pool_.wait(stop, deadline);
  }

 private:
  umcg::ThreadPool pool_{runtime()};
};

struct OperationKind {
  const char* name;
  std::unique_ptr<Operation> (*make)();
};
template <class T>
std::unique_ptr<Operation> make_operation() {
  return std::make_unique<T>();
}
struct CountedDown : umcg::Latch {  // whose function has no default argument
  using Latch::Latch;
  void count_one_down() { count_down(); }
};
inline constexpr OperationKind kOperations[] = {
    {"mutex", make_operation<LockOperation<umcg::Mutex, Exclusively>>},
    {"recursive_mutex", make_operation<LockOperation<umcg::RecursiveMutex, Exclusively>>},
    {"writer", make_operation<LockOperation<umcg::SharedMutex, Exclusively>>},
    {"reader", make_operation<LockOperation<umcg::SharedMutex, Shared>>},
    {"condition", make_operation<WaitForCondition>},
    {"semaphore", make_operation<AcquireSemaphore>},
    {"event", make_operation<WaitForObject<umcg::Event, &umcg::Event::set>>},
    {"wait_group", make_operation<WaitForObject<umcg::WaitGroup, &umcg::WaitGroup::done, 1>>},
    {"latch", make_operation<WaitForObject<CountedDown, &CountedDown::count_one_down, 1>>},
    {"barrier", make_operation<WaitForBarrier>},
    {"future", make_operation<WaitForFuture<umcg::Future>>},
    {"shared_future", make_operation<WaitForFuture<umcg::SharedFuture>>},
    {"receive", make_operation<Receive>},
    {"send", make_operation<Send>},
    {"select", make_operation<Select>},
    {"fiber", make_operation<WaitForFiber>},
    {"scope", make_operation<WaitForScope>},
    {"pool", make_operation<WaitForPool>},
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SYNC_OPERATIONS_H_
