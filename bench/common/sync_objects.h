// SPDX-License-Identifier: Apache-2.0
// sync_objects.h - the synchronisation objects of each implementation, under the same names.
//
// What an implementation lacks, its users make of what it has: an event, a wait group and a latch
// of Boost.Fiber are a mutex and a condition variable, those of std an atomic that is waited for.
// What nobody would make is left out, and the implementation with it in that line.
#ifndef UMCG_BENCH_COMMON_SYNC_OBJECTS_H_
#define UMCG_BENCH_COMMON_SYNC_OBJECTS_H_

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <cstddef>
#include <latch>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#ifdef UMCG_HAVE_TBB
#include <oneapi/tbb/rw_mutex.h>
#include <tbb/collaborative_call_once.h>
#endif

#include "common/peers.h"
#include "umcg/barrier.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/latch.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/shared_mutex.h"
#include "umcg/wait_group.h"

namespace bench {

template <class Impl>
struct ObjectsOf {};

template <>
struct ObjectsOf<Umcg> {
  using RecursiveMutex = umcg::RecursiveMutex;
  using SharedMutex = umcg::SharedMutex;
  using ConditionVariable = umcg::ConditionVariable;
  using Event = umcg::Event;
  using WaitGroup = umcg::WaitGroup;
  using Latch = umcg::Latch;
  using Barrier = umcg::Barrier<>;
  using OnceFlag = umcg::OnceFlag;
  template <class F>
  static void call_once(OnceFlag& flag, F&& f) {
    umcg::call_once(flag, std::forward<F>(f));
  }
};

class AtomicEvent {
 public:
  void set() {
    set_.store(true);
    set_.notify_all();
  }
  void reset() { set_.store(false); }
  void wait() { set_.wait(false); }

 private:
  std::atomic<bool> set_{false};
};

class AtomicWaitGroup {
 public:
  explicit AtomicWaitGroup(std::ptrdiff_t count = 0) : left_(count) {}
  void add() { left_.fetch_add(1); }
  void done() {
    if (left_.fetch_sub(1) == 1) left_.notify_all();
  }
  void wait() {
    for (std::ptrdiff_t left = left_.load(); left != 0; left = left_.load()) left_.wait(left);
  }

 private:
  std::atomic<std::ptrdiff_t> left_;
};

template <>
struct ObjectsOf<StdThreads> {
  using RecursiveMutex = std::recursive_mutex;
  using SharedMutex = std::shared_mutex;
  using ConditionVariable = std::condition_variable;
  using Event = AtomicEvent;
  using WaitGroup = AtomicWaitGroup;
  using Latch = std::latch;
  using Barrier = std::barrier<>;
  using OnceFlag = std::once_flag;
  template <class F>
  static void call_once(OnceFlag& flag, F&& f) {
    std::call_once(flag, std::forward<F>(f));
  }
};

#ifdef UMCG_HAVE_BOOST_FIBER
// All of them notify under the lock: a waiter may destroy them at once.
class BoostEvent {
 public:
  void set() {
    std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  void reset() {
    std::lock_guard lock(mutex_);
    set_ = false;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
  }

 private:
  boost::fibers::mutex mutex_;
  boost::fibers::condition_variable changed_;
  bool set_ = false;
};

class BoostWaitGroup {
 public:
  explicit BoostWaitGroup(std::ptrdiff_t count = 0) : left_(count) {}
  void add() {
    std::lock_guard lock(mutex_);
    ++left_;
  }
  void done() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  boost::fibers::mutex mutex_;
  boost::fibers::condition_variable changed_;
  std::ptrdiff_t left_;
};

class BoostLatch : public BoostWaitGroup {
 public:
  using BoostWaitGroup::BoostWaitGroup;
  void count_down() { done(); }
  void arrive_and_wait() {
    done();
    wait();
  }
};

class BoostBarrier {
 public:
  explicit BoostBarrier(std::ptrdiff_t expected) : barrier_(static_cast<std::size_t>(expected)) {}
  void arrive_and_wait() { barrier_.wait(); }

 private:
  boost::fibers::barrier barrier_;
};

struct BoostObjects {
  using RecursiveMutex = boost::fibers::recursive_mutex;
  using ConditionVariable = boost::fibers::condition_variable;
  using Event = BoostEvent;
  using WaitGroup = BoostWaitGroup;
  using Latch = BoostLatch;
  using Barrier = BoostBarrier;
};
template <>
struct ObjectsOf<BoostFiber> : BoostObjects {};
template <>
struct ObjectsOf<BoostStealing> : BoostObjects {};
template <>
struct ObjectsOf<BoostSharedWork> : BoostObjects {};
#endif

#ifdef UMCG_HAVE_TBB
template <>
struct ObjectsOf<Tbb> {
  using SharedMutex = tbb::rw_mutex;
  using OnceFlag = tbb::collaborative_once_flag;
  template <class F>
  static void call_once(OnceFlag& flag, F&& f) {
    tbb::collaborative_call_once(flag, std::forward<F>(f));
  }
};
#endif

// How many meet in the contended lines.
constexpr int kCrowd = 16;

// As many as are quick: far fewer for those who wake each other by way of the kernel, or by a
// thread that polls.
struct Rounds {
  int pair;   // of two who wake each other
  int crowd;  // of kCrowd who do
};
template <class Impl>
Rounds rounds_on(int servers) {
  const bool slow =
      std::is_same_v<Impl, StdThreads> || (servers > 1 && !std::is_same_v<Impl, Umcg>);
  if (slow) return {full_or_smoke(1'000, 50), full_or_smoke(100, 5)};
  return {full_or_smoke(10'000, 200), full_or_smoke(1'000, 20)};
}
inline int lone_operations() { return full_or_smoke(100'000, 1'000); }
inline int crowd_operations() { return full_or_smoke(10'000, 20); }

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_SYNC_OBJECTS_H_
