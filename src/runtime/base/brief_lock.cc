// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/brief_lock.h"

#include "runtime/base/backoff.h"

namespace umcg::inline v0::internal {

void BriefLock::lock_slow() noexcept {
  for (Backoff backoff;;) {
    if (!backoff.wait()) LockSleepers::sleep(word_, kHeld);
    std::uint32_t free = kFree;
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_weak(free, kHeld, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return;
    }
  }
}

}  // namespace umcg::inline v0::internal
