// SPDX-License-Identifier: Apache-2.0
// umcg_pool.h - umcg::ThreadPool in the shape of the peers' pools (peers/pools.h).
#ifndef UMCG_BENCH_COMMON_UMCG_POOL_H_
#define UMCG_BENCH_COMMON_UMCG_POOL_H_

#include <cstddef>
#include <utility>

#include "umcg/runtime.h"
#include "umcg/thread_pool.h"

namespace bench {

// `kLimit` is max_in_flight; 0: none.
template <std::size_t kLimit>
class UmcgPool {
 public:
  static const char* name() { return kLimit == 0 ? "umcg" : "umcg_64"; }
  explicit UmcgPool(int servers) : runtime_({.servers = servers}), pool_(runtime_, options()) {}
  template <class F>
  void post(F&& f) {
    pool_.post(std::forward<F>(f));
  }
  template <class F>
  auto submit(F&& f) {
    return pool_.submit(std::forward<F>(f));
  }

 private:
  static umcg::ThreadPoolOptions options() {
    return kLimit == 0 ? umcg::ThreadPoolOptions{}
                       : umcg::ThreadPoolOptions{.max_in_flight = kLimit};
  }
  umcg::Runtime runtime_;
  umcg::ThreadPool pool_;
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_UMCG_POOL_H_
