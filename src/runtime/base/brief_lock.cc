// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/brief_lock.h"

#include <limits>

#include "kernel_shim/futex.h"
#include "runtime/base/backoff.h"

namespace umcg::inline v0::internal {

void BriefLock::lock_slow() noexcept {
  for (Backoff backoff; backoff.wait();) {
    std::uint32_t free = kFree;
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_weak(free, kHeld, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return;
    }
  }
  // Taken as "awaited" even when nobody else waits: whoever sleeps behind us must not be forgotten,
  // and the price is one futex call without a waiter.
  while (word_.exchange(kHeldAndAwaited, std::memory_order_acquire) != kFree) {
    shim::futex_wait(word_, kHeldAndAwaited, std::numeric_limits<std::int64_t>::max());
  }
}

void BriefLock::wake_one() noexcept { shim::futex_wake(word_, 1); }

}  // namespace umcg::inline v0::internal
