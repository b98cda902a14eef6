// SPDX-License-Identifier: Apache-2.0
// std_threads.h - a kernel thread per task, as a peer.
#ifndef UMCG_BENCH_PEERS_STD_THREADS_H_
#define UMCG_BENCH_PEERS_STD_THREADS_H_

#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

#include "common/cpus.h"
#include "common/handles.h"

namespace bench {

// The threads run on the CPUs that the benchmark is confined to: that is their "servers".
class StdThreads : public Handles<StdThreads> {
 public:
  using Handle = std::thread;
  using Semaphore = std::counting_semaphore<>;
  using Mutex = std::mutex;

  static const char* name(int) { return "std_thread"; }

  explicit StdThreads(int) {}

  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  static std::thread spawn(F&& f) {
    return std::thread(std::forward<F>(f));
  }
  template <class F>
  static void post(F&& f) {
    spawn(std::forward<F>(f)).detach();
  }
  static void yield() { std::this_thread::yield(); }

  class Island {
   public:
    explicit Island(int cpu) : cpu_(cpu) {}
    template <class F>
    void start(F&& f) {
      CpuScope scope(1, cpu_);
      thread_ = std::thread(std::forward<F>(f));
    }
    void join() { thread_.join(); }

   private:
    int cpu_;
    std::thread thread_;
  };
};

}  // namespace bench

#endif  // UMCG_BENCH_PEERS_STD_THREADS_H_
