// SPDX-License-Identifier: Apache-2.0
// floor_lock.h - the least that a lock can cost: one compare-and-swap and one exchange.
#ifndef UMCG_BENCH_COMMON_FLOOR_LOCK_H_
#define UMCG_BENCH_COMMON_FLOOR_LOCK_H_

#include <atomic>

namespace bench {

// Only ever used by one thread: a lock that cannot wait.
class FloorLock {
 public:
  void lock() {
    int expected = 0;
    word_.compare_exchange_strong(expected, 1, std::memory_order_acquire);
  }
  void unlock() { word_.exchange(0, std::memory_order_release); }

 private:
  std::atomic<int> word_{0};
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_FLOOR_LOCK_H_
