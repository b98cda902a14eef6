// SPDX-License-Identifier: Apache-2.0
// umcg_impl.h - umcg in the shape that the benchmarks are templates over (see handles.h).
#ifndef UMCG_BENCH_COMMON_UMCG_IMPL_H_
#define UMCG_BENCH_COMMON_UMCG_IMPL_H_

#include <optional>
#include <utility>

#include "common/cpus.h"
#include "common/handles.h"
#include "umcg/fiber.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace bench {

// Everything is at its default but the number of servers: users get the defaults.
class Umcg : public Handles<Umcg> {
 public:
  using Handle = umcg::Fiber<>;
  using Semaphore = umcg::Semaphore;
  using Mutex = umcg::Mutex;

  static const char* name(int) { return "umcg"; }

  explicit Umcg(int servers, umcg::RuntimeOptions options = {})
      : runtime_(with_servers(servers, std::move(options))) {}

  template <class F>
  void run(F&& f) {
    runtime_.run(std::forward<F>(f));
  }
  template <class F>
  [[nodiscard]] static Handle spawn(F&& f) {
    return umcg::spawn(std::forward<F>(f));
  }
  template <class F>
  static void post(F&& f) {
    umcg::post(std::forward<F>(f));
  }
  static void yield() { umcg::this_fiber::yield(); }
  // For a plain thread, which the caller of run() would not be.
  umcg::Runtime& runtime() { return runtime_; }
  umcg::Stats stats() const { return runtime_.stats(); }

  class Island;

 private:
  static umcg::RuntimeOptions with_servers(int servers, umcg::RuntimeOptions options) {
    options.servers = servers;
    return options;
  }

  umcg::Runtime runtime_;
};

// A runtime of one server on one CPU, beside others: for what must cross from CPU to CPU.
class Umcg::Island {
 public:
  explicit Island(int cpu) : scope_(std::in_place, 1, cpu), impl_(1) { scope_.reset(); }
  template <class F>
  void start(F&& f) {
    fiber_ = impl_.runtime_.spawn(std::forward<F>(f));
  }
  void join() { fiber_.join(); }

 private:
  std::optional<CpuScope> scope_;  // while the runtime's threads are made
  Umcg impl_;
  Handle fiber_;
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_UMCG_IMPL_H_
