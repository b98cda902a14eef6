// SPDX-License-Identifier: Apache-2.0
// boost_fiber.h - Boost.Fiber as a peer: round_robin on one thread, work_stealing or shared_work on
// two.
#ifndef UMCG_BENCH_PEERS_BOOST_FIBER_H_
#define UMCG_BENCH_PEERS_BOOST_FIBER_H_
#ifdef UMCG_HAVE_BOOST_FIBER

#include <boost/fiber/all.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "common/cpus.h"
#include "common/handles.h"

namespace bench {

// Boost.Fiber has no semaphore; this is the usual one, of its mutex and condition variable.
class BoostSemaphore {
 public:
  explicit BoostSemaphore(std::ptrdiff_t permits) : permits_(permits) {}
  void acquire() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return permits_ > 0; });
    --permits_;
  }
  template <class Duration>
  bool try_acquire_for(Duration d) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, d, [this] { return permits_ > 0; })) return false;
    --permits_;
    return true;
  }
  void release() {
    {
      std::lock_guard lock(mutex_);
      ++permits_;
    }
    changed_.notify_one();
  }

 private:
  boost::fibers::mutex mutex_;
  boost::fibers::condition_variable changed_;
  std::ptrdiff_t permits_;
};

struct BoostFiberBase : Handles<BoostFiberBase> {
  using Handle = boost::fibers::fiber;
  using Semaphore = BoostSemaphore;
  using Mutex = boost::fibers::mutex;

  template <class F>
  static Handle spawn(F&& f) {
    return Handle(std::allocator_arg, boost::fibers::fixedsize_stack(kStackSize),
                  std::forward<F>(f));
  }
  template <class F>
  static void post(F&& f) {
    spawn(std::forward<F>(f)).detach();
  }
  static void yield() { boost::this_fiber::yield(); }

 private:
  static constexpr std::size_t kStackSize = 64 * 1024;
};

// One thread, the library's default scheduler.
class BoostFiber : public BoostFiberBase {
 public:
  static const char* name(int) { return "boost_fiber"; }
  explicit BoostFiber(int) {}
  template <class F>
  void run(F&& f) {
    spawn(std::ref(f)).join();
  }

  class Island {
   public:
    explicit Island(int cpu) : cpu_(cpu) {}
    template <class F>
    void start(F&& f) {
      CpuScope scope(1, cpu_);
      thread_ = std::thread(std::forward<F>(f));  // the thread's main context is a fiber too
    }
    void join() { thread_.join(); }

   private:
    int cpu_;
    std::thread thread_;
  };
};

// Two threads that share their fibers. Boost's work_stealing keeps its threads in a static array
// that can be filled once, so the team lives to the end of the process. Its schedulers steal only
// while they spin (with suspend = true an idle one sleeps until its own fibers wake it), so they
// spin during run(); between runs the threads sleep in the kernel and disturb nobody.
template <class Algorithm>
class BoostTeam {
 public:
  static BoostTeam& instance() {
    static BoostTeam* team = new BoostTeam;  // never destroyed: see above
    return *team;
  }

  void run(const std::function<void()>& f) {
    std::unique_lock lock(gate_);
    work_ = &f;
    over_ = false;
    running_ = kThreads;
    ++session_;
    opened_.notify_all();
    closed_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  static constexpr int kThreads = 2;

  BoostTeam() {
    for (int i = 0; i < kThreads; ++i) std::thread([this, i] { serve(i); }).detach();
  }

  void serve(int index) {
    use_algorithm();
    for (int session = 1;; ++session) {
      const std::function<void()>* work;
      {
        std::unique_lock lock(gate_);
        opened_.wait(lock, [&] { return session_ == session; });
        work = work_;
      }
      if (index == 0) {
        BoostFiberBase::spawn(std::ref(*work)).join();
        {
          std::lock_guard lock(over_mutex_);
          over_ = true;
        }
        over_changed_.notify_all();
      } else {
        std::unique_lock lock(over_mutex_);
        over_changed_.wait(lock, [this] { return over_; });  // its thread schedules and steals
      }
      std::lock_guard lock(gate_);
      if (--running_ == 0) closed_.notify_one();
    }
  }

  static void use_algorithm() {
    if constexpr (std::is_same_v<Algorithm, boost::fibers::algo::work_stealing>) {
      boost::fibers::use_scheduling_algorithm<Algorithm>(std::uint32_t{kThreads});
    } else {
      boost::fibers::use_scheduling_algorithm<Algorithm>();
    }
  }

  std::mutex gate_;
  std::condition_variable opened_;
  std::condition_variable closed_;
  int session_ = 0;
  int running_ = 0;
  const std::function<void()>* work_ = nullptr;

  boost::fibers::mutex over_mutex_;
  boost::fibers::condition_variable over_changed_;
  bool over_ = false;
};

template <class Algorithm>
class BoostShared : public BoostFiberBase {
 public:
  explicit BoostShared(int) {}
  template <class F>
  void run(F&& f) {
    BoostTeam<Algorithm>::instance().run(std::ref(f));
  }
};

struct BoostStealing : BoostShared<boost::fibers::algo::work_stealing> {
  using BoostShared::BoostShared;
  static const char* name(int) { return "boost_fiber_stealing"; }
};
struct BoostSharedWork : BoostShared<boost::fibers::algo::shared_work> {
  using BoostShared::BoostShared;
  static const char* name(int) { return "boost_fiber_shared"; }
};

}  // namespace bench

#endif  // UMCG_HAVE_BOOST_FIBER
#endif  // UMCG_BENCH_PEERS_BOOST_FIBER_H_
