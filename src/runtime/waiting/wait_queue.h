// SPDX-License-Identifier: Apache-2.0
// wait_queue.h - the list of waiters in one word, with its lock: what every object is built on.
//
// The word is the address of the first node of a circular list, plus flag bits: kQueueLocked is the
// lock of the list; two more bits (kQueueFlag, and 8) are the object's own. While kQueueLocked is
// set only its holder changes the word, so he unlocks by a plain store. The lock tries for a while,
// then sleeps in the kernel, since its holder may be off the CPU: see lock_sleepers.h.
//
// Orders: lock is acquire, unlock release, and they pair with each other.
#ifndef UMCG_RUNTIME_WAITING_WAIT_QUEUE_H_
#define UMCG_RUNTIME_WAITING_WAIT_QUEUE_H_

#include <cstdint>

#include "runtime/base/lock_sleepers.h"
#include "runtime/waiting/waiter.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

class RuntimeCore;

// One place of a waiter in one queue. On the stack of whoever waits.
// Aligned so that the low five bits of its address are free: four for the queue's word, one for
// FiberCore::done (kDirectJoin).
struct alignas(32) WaitNode {
  Waiter* waiter = nullptr;
  // Under the queue's lock.
  WaitNode* next = nullptr;
  WaitNode* prev = nullptr;
  bool linked = false;
  // Among the nodes of a wait for several objects; goes into the outcome of a claim.
  std::uint32_t which = 0;
  // Meaning is the object's.
  std::uintptr_t token = 0;
  std::int64_t amount = 0;
};

// A circular list by its first node, under the lock of whatever it belongs to.
void push_back(WaitNode*& first, WaitNode& node) noexcept;
void push_front(WaitNode*& first, WaitNode& node) noexcept;
void remove(WaitNode*& first, WaitNode& node) noexcept;
// Before a node that is not the first.
void insert_before(WaitNode& node, WaitNode& later) noexcept;

inline constexpr std::uintptr_t kQueueLocked = 1;
inline constexpr std::uintptr_t kQueueFlags = kQueueFlag | 8;  // the object's

// Holds the lock of a queue over a scope and edits the list.
class QueueLock {
 public:
  explicit QueueLock(WaitQueue& queue) noexcept : queue_(queue), word_(lock(queue)) {}
  // For who has set kQueueLocked himself, or by lock(), in the word that he saw.
  QueueLock(WaitQueue& queue, std::uintptr_t seen) noexcept : queue_(queue), word_(seen) {}
  ~QueueLock() {
    queue_.word.store(word_, std::memory_order_release);
    LockSleepers::wake_those_of(&queue_.word);  // the object may be gone by now
  }
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;

  // A lock that outlives the scope. What the word was.
  static std::uintptr_t lock(WaitQueue& queue) noexcept {
    std::uintptr_t seen = queue.word.load(std::memory_order_relaxed);
    if ((seen & kQueueLocked) == 0 &&
        queue.word.compare_exchange_strong(seen, seen | kQueueLocked, std::memory_order_acquire,
                                           std::memory_order_relaxed)) [[likely]] {
      return seen;
    }
    return lock_slow(queue);
  }

  // What the word was when it was seen unlocked.
  static std::uintptr_t wait_until_unlocked(const WaitQueue& queue) noexcept;

  bool empty() const noexcept { return head() == nullptr; }
  WaitNode* head() const noexcept {
    return reinterpret_cast<WaitNode*>(word_ & ~std::uintptr_t{15});
  }
  std::uintptr_t flags() const noexcept { return word_ & kQueueFlags; }
  void set_flags(std::uintptr_t flags) noexcept { word_ = (word_ & ~kQueueFlags) | flags; }

  void push_back(WaitNode& node) noexcept;
  void push_front(WaitNode& node) noexcept;
  void remove(WaitNode& node) noexcept;

 private:
  static std::uintptr_t lock_slow(WaitQueue& queue) noexcept;
  void set_head(WaitNode* node) noexcept {
    word_ = reinterpret_cast<std::uintptr_t>(node) | (word_ & kQueueFlags);
  }

  WaitQueue& queue_;
  std::uintptr_t word_;  // what unlocking is to leave behind
};

// Queues up in a queue that is empty, unlocked and without flags, in one step instead of a lock's
// two.
inline bool push_if_idle(WaitQueue& queue, WaitNode& node) noexcept {
  node.linked = true;
  node.next = node.prev = &node;
  std::uintptr_t idle = 0;
  if (queue.word.compare_exchange_strong(idle, reinterpret_cast<std::uintptr_t>(&node),
                                         std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return true;
  }
  node.linked = false;
  return false;
}

// Collects won claims while a lock is held, and does the rest after it.
class Wakeups {
 public:
  Wakeups() = default;
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;
  ~Wakeups() { deliver(); }

  // Claims node's waiter. False: somebody else was faster. Under the lock.
  bool claim(WaitNode& node, Outcome code) noexcept;
  // Empties the queue.
  void claim_all(QueueLock& lock, Outcome code) noexcept;
  // Not under the lock.
  void deliver() noexcept {
    if (!fibers_.empty() || thread_count_ != 0) deliver_all();
  }
  // Not under the lock. Takes out the first fiber if it is of that runtime: the caller runs it.
  FiberCore* take_one_of(const RuntimeCore& rt) noexcept;

 private:
  void deliver_all() noexcept;

  static constexpr int kThreads = 8;
  FiberChain fibers_;
  int thread_count_ = 0;
  umcg_tid threads_[kThreads];  // the first of them
};

// After a wait in `queue` that was not ended by it (timeout, stop): takes the node out. `cleanup`
// runs under the lock in any case.
template <class Cleanup>
void withdraw(WaitQueue& queue, WaitNode& node, Cleanup cleanup) noexcept {
  QueueLock lock(queue);
  if (node.linked) lock.remove(node);
  cleanup(lock);
}

inline void withdraw(WaitQueue& queue, WaitNode& node) noexcept {
  withdraw(queue, node, [](QueueLock&) {});
}

// Out of the way of fast paths, whose frames it would make larger.
[[gnu::noinline]] void pass_through(WaitQueue& queue) noexcept;

// After a wait that the queue's object ended: see "Lifetime" in waiter.h.
inline void settle(WaitQueue& queue, const Waiter& waiter) noexcept {
  if (waiter.claimer_may_linger()) pass_through(queue);
}

// The node's waiter, whose only node it is, waits in `queue`. When this returns nobody refers to
// either. `cleanup` runs under the lock after a wait that a timeout or a stop ended. May suspend,
// may migrate.
template <class Cleanup>
Outcome wait_in(WaitQueue& queue, WaitNode& node, const std::stop_token* stop, Deadline deadline,
                Cleanup cleanup) {
  const Outcome outcome = node.waiter->wait(stop, deadline);
  if (outcome == kTimedOut || outcome == kStopAsked) {
    withdraw(queue, node, cleanup);
  } else {
    settle(queue, *node.waiter);
  }
  return outcome;
}
inline Outcome wait_in(WaitQueue& queue, WaitNode& node, const std::stop_token* stop,
                       Deadline deadline) {
  return wait_in(queue, node, stop, deadline, [](QueueLock&) {});
}

// For a fast path that took what another one may still be giving away under the lock.
inline void settle_giver(WaitQueue& queue) noexcept {
  if ((queue.word.load(std::memory_order_acquire) & kQueueLocked) != 0) [[unlikely]] {
    pass_through(queue);
  }
}

constexpr WaitStatus to_status(Outcome outcome) noexcept {
  return outcome == kTimedOut    ? WaitStatus::kTimeout
         : outcome == kStopAsked ? WaitStatus::kStopped
         : outcome == kShut      ? WaitStatus::kClosed
                                 : WaitStatus::kReady;
}

// What to answer before waiting at all.
inline WaitStatus refuse_early(const std::stop_token* stop, Deadline deadline) noexcept {
  if (deadline.has_passed()) return WaitStatus::kTimeout;
  if (stop != nullptr && stop->stop_requested()) return WaitStatus::kStopped;
  return WaitStatus::kReady;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_WAIT_QUEUE_H_
