// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/lock_sleepers.h"

#include <limits>
#include <mutex>

#include "kernel_shim/futex.h"
#include "kernel_shim/process_barrier.h"

namespace umcg::inline v0::internal {

constinit std::atomic<std::uint32_t> LockSleepers::counts_[kCounts] = {1, 1, 1, 1, 1, 1, 1, 1};
constinit std::atomic<bool> LockSleepers::has_barrier_{false};

void LockSleepers::rely_on_barrier() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    has_barrier_.store(true, std::memory_order_seq_cst);
    for (auto& count : counts_) count.fetch_sub(1, std::memory_order_seq_cst);
  });
}

void LockSleepers::sleep(const std::uint32_t* word, std::uint32_t held) noexcept {
  std::atomic<std::uint32_t>& count = count_of(word);
  count.fetch_add(1, std::memory_order_seq_cst);
  if (has_barrier_.load(std::memory_order_seq_cst)) {
    shim::process_barrier();
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with wake_slow()'s
  }
  shim::futex_wait(word, held, shim::kNever);
  count.fetch_sub(1, std::memory_order_relaxed);
}

void LockSleepers::wake_slow(const void* word) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with sleep()'s
  // In this order: the counts are lowered after the flag was set.
  const std::uint32_t count = count_of(word).load(std::memory_order_seq_cst);
  if (count == (has_barrier_.load(std::memory_order_seq_cst) ? 0 : 1)) return;
  // All of them: the count is of other locks too.
  shim::futex_wake(static_cast<const std::uint32_t*>(word), std::numeric_limits<int>::max());
}

}  // namespace umcg::inline v0::internal
