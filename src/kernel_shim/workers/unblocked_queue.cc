// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/unblocked_queue.h"

#include <cerrno>

#include "kernel_shim/futex.h"
#include "kernel_shim/workers/member.h"

namespace umcg::inline v0::internal::shim {

void UnblockedQueue::push(Member& worker) noexcept {
  Member* newest = pushed_.load(std::memory_order_relaxed);
  do {
    worker.next_unblocked.store(newest, std::memory_order_relaxed);
    // seq_cst: see the top of unblocked_queue.h; as a release it pairs with the exchange in
    // try_pop().
  } while (!pushed_.compare_exchange_weak(newest, &worker, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
  events_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake(events_, 1);
}

Member* UnblockedQueue::try_pop() noexcept {
  std::lock_guard lock(mutex_);
  if (first_ == nullptr) {
    Member* newest = pushed_.exchange(nullptr, std::memory_order_seq_cst);
    while (newest != nullptr) {
      Member* const next = newest->next_unblocked.load(std::memory_order_relaxed);
      newest->next_unblocked.store(first_, std::memory_order_relaxed);
      first_ = newest;
      newest = next;
    }
  }
  Member* const oldest = first_;
  if (oldest != nullptr) first_ = oldest->next_unblocked.load(std::memory_order_relaxed);
  return oldest;
}

Member* UnblockedQueue::pop() noexcept {
  Member* worker = try_pop();
  if (worker != nullptr) return worker;
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  for (int result = 0;;) {
    const std::uint32_t events = events_.load(std::memory_order_seq_cst);
    worker = try_pop();
    // A worker that is there wins over a signal.
    if (worker != nullptr || result == -EINTR) break;
    result = futex_wait(events_, events, kNever);
  }
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return worker;
}

}  // namespace umcg::inline v0::internal::shim
