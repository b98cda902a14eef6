// SPDX-License-Identifier: Apache-2.0
// thread_pool.h - the classic pool: threads, one queue, a mutex and a condition variable.
//
// What most servers have today, as textbooks write it; a peer to compare with.
#ifndef UMCG_BENCH_COMMON_THREAD_POOL_H_
#define UMCG_BENCH_COMMON_THREAD_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

class ClassicPool {
 public:
  explicit ClassicPool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  // Runs what is queued first.
  ~ClassicPool() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    more_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  ClassicPool(const ClassicPool&) = delete;
  ClassicPool& operator=(const ClassicPool&) = delete;

  void post(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    more_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      more_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::function<void()> task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_THREAD_POOL_H_
