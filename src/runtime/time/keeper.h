// SPDX-License-Identifier: Apache-2.0
// keeper.h - Keeper: which sleeping server wakes for the next deadline. See idle.cc.
#ifndef UMCG_RUNTIME_TIME_KEEPER_H_
#define UMCG_RUNTIME_TIME_KEEPER_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/clock.h"

namespace umcg::inline v0::internal {

class Keeper {
 public:
  // By a server that is about to sleep, with the earliest deadline in sight. Returns when to wake:
  // that deadline if nobody else wakes by then, else never.
  std::int64_t volunteer(std::int64_t deadline) noexcept {
    std::int64_t kept = deadline_.load(std::memory_order_seq_cst);
    while (deadline < kept) {
      if (deadline_.compare_exchange_weak(kept, deadline, std::memory_order_seq_cst)) {
        return deadline;
      }
    }
    return kNeverNs;
  }
  // After the sleep, with what volunteer() returned.
  void resign(std::int64_t deadline) noexcept {
    if (deadline != kNeverNs) {
      deadline_.compare_exchange_strong(deadline, kNeverNs, std::memory_order_seq_cst);
    }
  }
  // Whether a sleeping server wakes by then.
  bool keeps(std::int64_t deadline) const noexcept {
    return deadline_.load(std::memory_order_seq_cst) <= deadline;
  }

 private:
  std::atomic<std::int64_t> deadline_{kNeverNs};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TIME_KEEPER_H_
