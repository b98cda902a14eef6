// SPDX-License-Identifier: Apache-2.0
#include "runtime/waiting/wait_queue.h"

#include <bit>

#include "kernel_shim/task.h"
#include "runtime/base/backoff.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

// The lock bits are in the lower half, on which the kernel can wait.
static_assert(std::endian::native == std::endian::little);
const std::uint32_t* futex_of(const WaitQueue& queue) noexcept {
  return reinterpret_cast<const std::uint32_t*>(&queue.word);
}

}  // namespace

std::uintptr_t QueueLock::wait_until_unlocked(const WaitQueue& queue) noexcept {
  for (Backoff backoff;;) {
    const bool enough = !backoff.wait();
    const std::uintptr_t seen = queue.word.load(std::memory_order_relaxed);
    if ((seen & kQueueLocked) == 0) return seen;
    if (enough) LockSleepers::sleep(futex_of(queue), static_cast<std::uint32_t>(seen));
  }
}

std::uintptr_t QueueLock::lock_slow(WaitQueue& queue) noexcept {
  for (;;) {
    std::uintptr_t seen = wait_until_unlocked(queue);
    if (queue.word.compare_exchange_weak(seen, seen | kQueueLocked, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      return seen;
    }
  }
}

void insert_before(WaitNode& node, WaitNode& later) noexcept {
  node.linked = true;
  node.next = &later;
  node.prev = later.prev;
  later.prev->next = &node;
  later.prev = &node;
}

void push_back(WaitNode*& first, WaitNode& node) noexcept {
  if (first != nullptr) {
    insert_before(node, *first);  // in a circle that is the end
    return;
  }
  node.linked = true;
  node.next = node.prev = &node;
  first = &node;
}

void push_front(WaitNode*& first, WaitNode& node) noexcept {
  push_back(first, node);
  first = &node;
}

void remove(WaitNode*& first, WaitNode& node) noexcept {
  node.linked = false;
  if (node.next == &node) {
    first = nullptr;
    return;
  }
  node.prev->next = node.next;
  node.next->prev = node.prev;
  if (first == &node) first = node.next;
}

void pass_through(WaitQueue& queue) noexcept { QueueLock lock(queue); }

void QueueLock::push_back(WaitNode& node) noexcept {
  WaitNode* first = head();
  internal::push_back(first, node);
  set_head(first);
}

void QueueLock::push_front(WaitNode& node) noexcept {
  WaitNode* first = head();
  internal::push_front(first, node);
  set_head(first);
}

void QueueLock::remove(WaitNode& node) noexcept {
  WaitNode* first = head();
  internal::remove(first, node);
  set_head(first);
}

void Wakeups::claim_all(QueueLock& lock, Outcome code) noexcept {
  while (WaitNode* node = lock.head()) {
    lock.remove(*node);
    claim(*node, code);
  }
}

bool Wakeups::claim(WaitNode& node, Outcome code) noexcept {
  const Claim claim = node.waiter->try_claim(outcome_at(node.which, code));
  if (claim.fiber != nullptr) {
    fibers_.push_back(claim.fiber);
  } else if (claim.thread != 0) {
    // A thread's task lives in type-stable memory, and the queue's lock keeps the thread from
    // leaving: with no room left it is as well woken here.
    if (thread_count_ == kThreads) {
      (void)shim::wake(claim.thread);
    } else {
      threads_[thread_count_++] = claim.thread;
    }
  }
  return claim.won;
}

FiberCore* Wakeups::take_one_of(const RuntimeCore& rt) noexcept {
  return !fibers_.empty() && fibers_.first->rt == &rt ? fibers_.pop_front() : nullptr;
}

void Wakeups::deliver_all() noexcept {
  if (fibers_.count == 1) [[likely]] {
    make_ready(fibers_.first);
  } else if (!fibers_.empty()) {
    make_ready(fibers_);
  }
  fibers_ = {};
  for (int i = 0; i < thread_count_; ++i) (void)shim::wake(threads_[i]);
  thread_count_ = 0;
}

}  // namespace umcg::inline v0::internal
