// SPDX-License-Identifier: Apache-2.0
// brief_lock.h - BriefLock: a lock for critical sections of a few dozen instructions.
//
// Tries for a while, then sleeps: an overtaken worker and the one that overtook it share a CPU, and
// a spin on a preempted holder would burn the whole time slice that the holder needs.
#ifndef UMCG_RUNTIME_BASE_BRIEF_LOCK_H_
#define UMCG_RUNTIME_BASE_BRIEF_LOCK_H_

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal {

inline constexpr int kSpinTries = 100;

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
    if (word_.exchange(kFree, std::memory_order_release) == kHeldAndAwaited) wake_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kHeldAndAwaited = 2;

  void lock_slow() noexcept;
  void wake_one() noexcept;

  std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_BRIEF_LOCK_H_
