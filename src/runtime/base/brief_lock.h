// SPDX-License-Identifier: Apache-2.0
// brief_lock.h - BriefLock: a lock for critical sections of a few dozen instructions.
//
// Tries for a while, then sleeps: an overtaken worker and the one that overtook it share a CPU, and
// a spin on a preempted holder would burn the whole time slice that the holder needs. Released by a
// plain store: see lock_sleepers.h.
#ifndef UMCG_RUNTIME_BASE_BRIEF_LOCK_H_
#define UMCG_RUNTIME_BASE_BRIEF_LOCK_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/lock_sleepers.h"

namespace umcg::inline v0::internal {

class BriefLock {
 public:
  constexpr BriefLock() noexcept = default;
  BriefLock(const BriefLock&) = delete;
  BriefLock& operator=(const BriefLock&) = delete;

  void lock() noexcept {
    std::uint32_t free = kFree;
    if (!word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      lock_slow();
    }
  }
  // The release pairs with the acquire of the next lock().
  void unlock() noexcept {
    word_.store(kFree, std::memory_order_release);
    LockSleepers::wake_those_of(&word_);
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;

  void lock_slow() noexcept;

  std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_BRIEF_LOCK_H_
