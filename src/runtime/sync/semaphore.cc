// SPDX-License-Identifier: Apache-2.0
// state_ = permits * 2 + (somebody is queued). While the bit is set, permits change only under the
// queue's lock, and newcomers queue up behind those who wait. release() with the bit set gives
// permits to the first waiters directly: nobody can snatch them, and each wakes exactly once.
//
// Negative: minus the address of the fiber that waits, for one permit and without a limit, while
// there are no permits and nobody is queued. That is the common case, and costs one CAS to wait and
// one to be woken, with no queue and no claim. It is parked already: the far side of its switch
// writes it there by CAS from 0. If that fails it is made ready where it stands, and tries again.
// Who takes it out by CAS is the only one who knows of it: release(), which makes it ready, or a
// second waiter, who under the queue's lock puts its node at the head of the queue, where it is one
// like others. The two cannot both: their CASes are on the same word.
#include "umcg/semaphore.h"

#include "runtime/base/report.h"
#include "runtime/sync/select_ops.h"
#include "runtime/sync/take_soon.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::int64_t kWaiting = 1;
// 16 fibers, two CPUs, the machine at its fastest: 15 ns per operation with a growing wait, 27 with
// a constant one.
constexpr unsigned kMostPauses = 128;

constexpr bool waits_directly(std::int64_t state) noexcept { return state < 0; }
FiberCore& direct_waiter(std::int64_t state) noexcept {
  return *reinterpret_cast<FiberCore*>(static_cast<std::intptr_t>(-state));
}

bool try_take(std::atomic<std::int64_t>& state, WaitQueue& queue, std::int64_t n,
              std::int64_t seen) noexcept {
  if (n < 0) die("Semaphore: acquire() of a negative number of permits");
  for (LetOthers others(kMostPauses); (seen & kWaiting) == 0 && seen >> 1 >= n;) {
    // Acquire pairs with the release of release().
    if (state.compare_exchange_weak(seen, seen - 2 * n, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      settle_giver(queue);
      return true;
    }
    others.wait();
    seen = state.load(std::memory_order_relaxed);
  }
  return false;
}

// Sets the bit. Under the lock. False, with a new look at the state, if another one was faster.
bool announce(QueueLock& lock, std::atomic<std::int64_t>& state, std::int64_t& seen) noexcept {
  const std::int64_t announced = waits_directly(seen) ? kWaiting : seen | kWaiting;
  // Acquire pairs with the release in enter_directly(): its node is ours to link now.
  if (!state.compare_exchange_weak(seen, announced, std::memory_order_acquire,
                                   std::memory_order_relaxed)) {
    return false;
  }
  if (waits_directly(seen)) lock.push_back(*direct_waiter(seen).direct_node);
  return true;
}

// For the far side of the switch that parks the fiber.
bool enter_directly(FiberCore& fiber, void* state) noexcept {
  std::int64_t none = 0;
  // Release publishes the saved context and the node to whoever takes it out.
  if (static_cast<std::atomic<std::int64_t>*>(state)->compare_exchange_strong(
          none, -static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&fiber)),
          std::memory_order_release, std::memory_order_relaxed)) {
    return true;
  }
  (void)fiber.direct_node->waiter->try_claim(kRetry);
  return false;
}

// For one permit. False: it was not to be had this way.
bool acquire_directly(std::atomic<std::int64_t>& state) {
  if (state.load(std::memory_order_relaxed) != 0) return false;
  FiberCore* const f = current_fiber();
  if (!Waiter::can_park_directly(f)) return false;
  Waiter waiter(*f, WaitReason::kSemaphore, &state);
  WaitNode node{.waiter = &waiter, .amount = 1};
  return waiter.park_directly(node, enter_directly, &state) != kRetry;
}

// Serves waiters in order while permits last. Under the lock.
void grant(QueueLock& lock, std::atomic<std::int64_t>& state, Wakeups& wakeups) noexcept {
  while (WaitNode* node = lock.head()) {
    const std::int64_t free = state.load(std::memory_order_relaxed) / 2;
    if (free < node->amount) return;
    const std::int64_t amount = node->amount;
    lock.remove(*node);
    if (wakeups.claim(*node, kGranted)) state.fetch_sub(amount * 2, std::memory_order_acq_rel);
  }
  state.fetch_and(~kWaiting, std::memory_order_release);
}

// False: nobody waits any more, and nothing is done.
[[gnu::noinline]] bool release_to_waiters(std::atomic<std::int64_t>& state, WaitQueue& queue,
                                          std::int64_t n) noexcept {
  Wakeups wakeups;
  QueueLock lock(queue);
  if ((state.load(std::memory_order_relaxed) & kWaiting) == 0)
    return false;  // the last one gave up
  if (state.fetch_add(2 * n, std::memory_order_acq_rel) / 2 > Semaphore::max() - n) {
    die("Semaphore: more than max() permits");
  }
  grant(lock, state, wakeups);
  return true;
}

// After somebody has left the queue: he may have stood before smaller requests.
void serve_those_behind(QueueLock& lock, std::atomic<std::int64_t>& state,
                        Wakeups& wakeups) noexcept {
  if ((state.load(std::memory_order_relaxed) & kWaiting) != 0) grant(lock, state, wakeups);
}

[[gnu::noinline]] WaitStatus acquire_slow(std::atomic<std::int64_t>& state, WaitQueue& queue,
                                          const std::stop_token* stop, Deadline deadline,
                                          std::int64_t n) {
  Waiter waiter(WaitReason::kSemaphore, &state);
  WaitNode node{.waiter = &waiter, .amount = n};
  {
    QueueLock lock(queue);
    std::int64_t seen = state.load(std::memory_order_relaxed);
    for (;;) {
      if ((seen & kWaiting) != 0) break;
      const bool enough = seen / 2 >= n;
      if (!enough) {
        if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
          return early;
        }
      }
      if (!enough) {
        if (announce(lock, state, seen)) break;
        // Acquire pairs with the release of release().
      } else if (state.compare_exchange_weak(seen, seen - 2 * n, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
        return WaitStatus::kReady;
      }
    }
    lock.push_back(node);
  }
  Wakeups wakeups;
  return to_status(wait_in(queue, node, stop, deadline,
                           [&](QueueLock& lock) { serve_those_behind(lock, state, wakeups); }));
}

// False: somebody is queued, or another was faster, and then `seen` is a new look.
[[gnu::always_inline]] inline bool give_once(std::atomic<std::int64_t>& state, std::int64_t n,
                                             std::int64_t& seen) noexcept {
  if ((seen & kWaiting) != 0) return false;
  const bool direct = waits_directly(seen);
  if ((direct ? 0 : seen >> 1) > Semaphore::max() - n) die("Semaphore: more than max() permits");
  // The last touch: whoever acquires these permits may destroy the semaphore. Acquire pairs with
  // the release in enter_directly(): that fiber's context is saved.
  if (!state.compare_exchange_strong(seen, direct ? 2 * (n - 1) : seen + 2 * n,
                                     std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return false;
  }
  if (direct) make_ready(&direct_waiter(seen));
  return true;
}

// After give_once() has failed.
[[gnu::noinline]] void release_contended(std::atomic<std::int64_t>& state, WaitQueue& queue,
                                         std::int64_t n, std::int64_t seen) noexcept {
  for (LetOthers others(kMostPauses);;) {
    if ((seen & kWaiting) == 0) {
      others.wait();
    } else if (release_to_waiters(state, queue, n)) {
      return;
    }
    seen = state.load(std::memory_order_relaxed);
    if (give_once(state, n, seen)) return;
  }
}

}  // namespace

struct Semaphore::Case {
  static Semaphore& of(const SelectCase& c) noexcept { return *static_cast<Semaphore*>(c.object); }
  static bool try_now(const SelectCase& c) { return of(c).try_acquire(c.number); }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    std::atomic<std::int64_t>& state = of(c).state_;
    QueueLock lock(of(c).queue_);
    std::int64_t seen = state.load(std::memory_order_relaxed);
    while ((seen & kWaiting) == 0) {
      if (seen / 2 >= c.number) return false;
      if (announce(lock, state, seen)) break;
    }
    node.amount = c.number;
    lock.push_back(node);
    return true;
  }
  static void withdraw(const SelectCase& c, WaitNode& node) noexcept {
    Wakeups wakeups;
    internal::withdraw(of(c).queue_, node,
                       [&](QueueLock& lock) { serve_those_behind(lock, of(c).state_, wakeups); });
  }
  static bool complete(const SelectCase& c, WaitNode& node, Outcome /*code*/) noexcept {
    settle(of(c).queue_, *node.waiter);
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

SelectCase Semaphore::on_acquire(std::ptrdiff_t n) noexcept {
  return {.ops = &Case::kOps, .object = this, .number = n};
}

bool Semaphore::try_acquire(std::ptrdiff_t n) noexcept {
  return try_take(state_, queue_, n, state_.load(std::memory_order_relaxed));
}

void Semaphore::acquire(std::ptrdiff_t n) {
  const std::int64_t seen = state_.load(std::memory_order_relaxed);
  const bool must_wait = n == 1 && seen == 0;
  if (!must_wait && try_take(state_, queue_, n, seen)) return;
  if (n == 1 && acquire_directly(state_)) return;
  (void)acquire_slow(state_, queue_, nullptr, Deadline(), n);
}

WaitStatus Semaphore::acquire(std::stop_token stop, Deadline deadline, std::ptrdiff_t n) {
  if (Semaphore::try_acquire(n)) return WaitStatus::kReady;
  return acquire_slow(state_, queue_, &stop, deadline, n);
}

void Semaphore::release(std::ptrdiff_t n) noexcept {
  if (n < 0) die("Semaphore: release() of a negative number of permits");
  if (n == 0) return;
  std::int64_t seen = state_.load(std::memory_order_relaxed);
  if (!give_once(state_, n, seen)) release_contended(state_, queue_, n, seen);
}

}  // namespace umcg::inline v0
