// SPDX-License-Identifier: Apache-2.0
// owner_ = token of the owner + (somebody waits).
//
// States: 0 free; token: held; token | kMutexAwaited: held, and unlock() must look at the queue;
// kMutexAwaited alone: free with waiters, one of whom has been woken to try.
// Who writes: anybody by CAS from a free state (lock, try_lock) and the owner from token to 0
// (unlock). The bit is set by a waiter under the queue's lock, and cleared under it by whoever
// empties the queue. The race that matters: a waiter queues up while the owner unlocks. It sets the
// bit by CAS, under the queue's lock, against a word that still names an owner; if the owner was
// faster, the CAS fails and the waiter takes the lock. If the waiter was faster, the owner's CAS to
// 0 fails and it goes to the queue. Fairness: a woken waiter competes with newcomers (no convoys:
// the lock is not held while a wake-up is under way), who take a free lock whoever waits, but wait
// in line at once if it is held and somebody waits. If the woken one loses, after a few tries, it
// goes to the head of the queue and the next unlock hands the lock to it.
//
// Rejected: strict FIFO hand-over (each contended pass costs a switch); pure barging (starves).
#include "umcg/mutex.h"

#include "runtime/base/exit_state.h"
#include "runtime/base/report.h"
#include "runtime/scheduler/worker.h"
#include "runtime/sync/mutex_owner.h"
#include "runtime/sync/take_soon.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

enum class Attempt : std::uint8_t { kTaken, kMustWait };

// Takes the lock if it is free, else makes sure that the bit is set. Under the queue's lock.
Attempt take_or_announce(std::atomic<std::uintptr_t>& owner, std::uintptr_t token) noexcept {
  std::uintptr_t seen = owner.load(std::memory_order_relaxed);
  for (;;) {
    const bool free = (seen & ~kMutexAwaited) == 0;
    if (!free && (seen & kMutexAwaited) != 0) return Attempt::kMustWait;
    // Acquire pairs with the release of unlock().
    if (owner.compare_exchange_weak(seen, free ? seen | token : seen | kMutexAwaited,
                                    std::memory_order_acquire, std::memory_order_relaxed)) {
      return free ? Attempt::kTaken : Attempt::kMustWait;
    }
  }
}

// For one who has found it held: while nobody waits.
Try try_once(std::atomic<std::uintptr_t>& owner, std::uintptr_t token,
             std::uintptr_t& holder) noexcept {
  std::uintptr_t seen = owner.load(std::memory_order_relaxed);
  // Acquire pairs with the release of unlock().
  if (seen == 0 && owner.compare_exchange_strong(seen, token, std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
    return Try::kTaken;
  }
  holder = seen & ~kMutexAwaited;
  return (seen & kMutexAwaited) != 0 || seen == token ? Try::kMustWait : Try::kHeld;
}

// Whoever waits: for one who was woken, and for a newcomer who has found it free.
Try try_free(std::atomic<std::uintptr_t>& owner, std::uintptr_t token,
             std::uintptr_t& holder) noexcept {
  std::uintptr_t seen = owner.load(std::memory_order_relaxed);
  // Acquire pairs with the release of unlock().
  const bool taken = (seen & ~kMutexAwaited) == 0 &&
                     owner.compare_exchange_strong(seen, seen | token, std::memory_order_acquire,
                                                   std::memory_order_relaxed);
  holder = seen & ~kMutexAwaited;
  return taken ? Try::kTaken : Try::kHeld;
}

[[gnu::noinline]] WaitStatus lock_slow(std::atomic<std::uintptr_t>& owner, WaitQueue& queue,
                                       const std::stop_token* stop, Deadline deadline) {
  const std::uintptr_t token = current_token();
  if ((owner.load(std::memory_order_relaxed) & ~kMutexAwaited) == token && deadline.is_never() &&
      (stop == nullptr || !stop->stop_possible())) {
    die("Mutex: lock() of a mutex that the caller holds already would wait for ever");
  }
  for (bool has_lost = false;; has_lost = true) {
    Waiter waiter(WaitReason::kMutex, &owner);
    WaitNode node{.waiter = &waiter, .token = token, .amount = has_lost};
    {
      QueueLock lock(queue);
      if (take_or_announce(owner, token) == Attempt::kTaken) return WaitStatus::kReady;
      if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
        if (lock.empty()) owner.fetch_and(~kMutexAwaited, std::memory_order_relaxed);
        return early;
      }
      if (has_lost) {
        lock.push_front(node);
      } else {
        lock.push_back(node);
      }
    }
    const Outcome outcome = wait_in(queue, node, stop, deadline, [&](QueueLock& lock) {
      if (lock.empty()) owner.fetch_and(~kMutexAwaited, std::memory_order_relaxed);
    });
    if (outcome != kRetry) return to_status(outcome);
    // Who loses will be handed the lock, and hold it for all others while it is only ready.
    const std::uintptr_t holder = owner.load(std::memory_order_relaxed) & ~kMutexAwaited;
    if (take_soon(holder, [&](std::uintptr_t& h) { return try_free(owner, token, h); })) {
      settle_giver(queue);
      return WaitStatus::kReady;
    }
  }
}

[[gnu::noinline]] void lock_contended(std::atomic<std::uintptr_t>& owner, WaitQueue& queue,
                                      std::uintptr_t token, std::uintptr_t seen) {
  std::uintptr_t holder = seen & ~kMutexAwaited;
  const bool is_awaited = seen != holder;
  // Free and awaited: somebody has been woken to try, and a newcomer may be faster.
  if (is_awaited
          ? holder == 0 && try_free(owner, token, holder) == Try::kTaken
          : take_soon(holder, [&](std::uintptr_t& h) { return try_once(owner, token, h); })) {
    settle_giver(queue);
  } else {
    (void)lock_slow(owner, queue, nullptr, Deadline());
  }
}

[[gnu::noinline]] void unlock_slow(std::atomic<std::uintptr_t>& owner, WaitQueue& queue) {
  if ((owner.load(std::memory_order_relaxed) & ~kMutexAwaited) != current_token()) {
    die("Mutex: unlock() by one who is not the owner");
  }
  Wakeups wakeups;
  QueueLock lock(queue);
  while (WaitNode* node = lock.head()) {
    const bool hand_over = node->amount != 0;
    const std::uintptr_t next = hand_over ? node->token : 0;
    lock.remove(*node);
    if (!wakeups.claim(*node, hand_over ? kGranted : kRetry)) continue;
    // Only now: a lock that was set free is anybody's. The one who was granted it cannot return
    // before we unlock the queue. Release pairs with the acquire of whoever takes it.
    owner.store(next | (lock.empty() ? 0 : kMutexAwaited), std::memory_order_release);
    return;
  }
  owner.store(0, std::memory_order_release);
}

}  // namespace

bool Mutex::try_lock() noexcept {
  std::uintptr_t seen = owner_.load(std::memory_order_relaxed);
  while ((seen & ~kMutexAwaited) == 0) {
    if (owner_.compare_exchange_weak(seen, seen | current_token(), std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      settle_giver(queue_);
      return true;
    }
  }
  return false;
}

void Mutex::lock() {
  const std::uintptr_t token = current_token();
  std::uintptr_t seen = 0;
  if (owner_.compare_exchange_strong(seen, token, std::memory_order_acquire,
                                     std::memory_order_relaxed)) [[likely]] {
    settle_giver(queue_);
  } else {
    lock_contended(owner_, queue_, token, seen);
  }
}

WaitStatus Mutex::lock(std::stop_token stop, Deadline deadline) UMCG_NO_THREAD_SAFETY_ANALYSIS {
  if (try_lock()) return WaitStatus::kReady;
  return lock_slow(owner_, queue_, &stop, deadline);
}

void Mutex::unlock() {
  std::uintptr_t mine = current_token();
  if (!owner_.compare_exchange_strong(mine, 0, std::memory_order_release,
                                      std::memory_order_relaxed)) {
    unlock_slow(owner_, queue_);
  }
}

void Mutex::assert_held() const {
  if (!is_held_by_caller()) die("Mutex: the caller does not hold it, as assert_held() demands");
}

void Mutex::report_in_use() const noexcept {
  if (!is_exiting()) die("Mutex: destroyed while it is held or awaited");
}

}  // namespace umcg::inline v0
