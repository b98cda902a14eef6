// SPDX-License-Identifier: Apache-2.0
// pools.h - pools of threads as peers: the classic one and, where found, Boost.Asio's.
//
// Their tasks cannot wait for each other without using a thread up, so they have only what is
// asked from outside: one task and its end, or many.
#ifndef UMCG_BENCH_PEERS_POOLS_H_
#define UMCG_BENCH_PEERS_POOLS_H_

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "common/thread_pool.h"

#ifdef UMCG_HAVE_ASIO
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#endif

namespace bench {

// Lets one thread wait until so many tasks are done. The last one takes the lock, so that the
// waiter may destroy it at once.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void done() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
  }

 private:
  std::atomic<int> left_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
};

// Pool has post(f).
template <class Pool>
class PoolImpl {
 public:
  static const char* name(int) { return Pool::name(); }

  explicit PoolImpl(int threads) : pool_(threads) {}

  // The caller stands outside of the pool.
  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  void spawn_join(F&& f) {
    Countdown left(1);
    pool_.post([&f, &left] {
      f();
      left.done();
    });
    left.wait();
  }
  template <class F>
  void batch(int n, F f) {
    Countdown left(n);
    for (int i = 0; i < n; ++i) {
      pool_.post([&f, &left, i] {
        f(i);
        left.done();
      });
    }
    left.wait();
  }

 private:
  Pool pool_;
};

struct StdPool : ClassicPool {
  using ClassicPool::ClassicPool;
  static const char* name() { return "thread_pool"; }
};
using ThreadPoolPeer = PoolImpl<StdPool>;

#ifdef UMCG_HAVE_ASIO
class AsioPool {
 public:
  static const char* name() { return "asio_pool"; }
  explicit AsioPool(int threads) : pool_(static_cast<std::size_t>(threads)) {}
  ~AsioPool() { pool_.join(); }
  template <class F>
  void post(F&& f) {
    boost::asio::post(pool_, std::forward<F>(f));
  }

 private:
  boost::asio::thread_pool pool_;
};
using AsioPeer = PoolImpl<AsioPool>;
#endif

}  // namespace bench

#endif  // UMCG_BENCH_PEERS_POOLS_H_
