// SPDX-License-Identifier: Apache-2.0
// waiter.h - Waiter: one wait of one fiber or thread, and who ends it. Park and unpark are here.
//
// A waiter stands on the stack of whoever waits. It may be in the queues of several objects at
// once, in a timer heap and in a stop callback; each of them may try to end the wait, and exactly
// one does.
//
// States of `state_`:
//   kOpen     the wait has begun, but its fiber still runs (or its thread is not asleep yet)
//   kParked   the fiber has left its stack, or the thread may be asleep
//   >= 2      claimed: the value says by whom
// Who writes: the waiting side moves kOpen -> kParked, once, from the far side of the switch, when
// the fiber's context has been saved (scheduler.cc), or the thread itself. Anybody may claim, by
// CAS from kOpen or kParked. The race that matters: a wake-up that comes while the fiber is on its
// way out. Claimed from kOpen, the claimer does nothing more: the parking side finds its CAS failed
// and goes on without sleeping. Claimed from kParked, the claimer, and only it, makes the fiber
// ready, exactly once. So no wake-up is lost and none is doubled, and no fiber is resumed before
// its context is saved.
//
// Lifetime: a claimer must find the waiter alive. Each object claims under the lock of its queue,
// and a waiter leaves no queue behind without having passed through that lock after the claim: a
// parked fiber cannot run before it is made ready, which claimers do after unlocking; whoever was
// claimed while kOpen, and every thread, passes through the lock once before it returns (settle()
// in wait_queue.h; a channel's waiter is let go instead). That is why objects may be destroyed as
// soon as a wait on them has returned.
//
// Rejected: a token on the fiber that a late unpark may leave behind for its next wait (every wait
// becomes a loop, and descriptors must outlive their fibers); a lock per fiber.
// Orders: the claim is acq_rel. Its release pairs with the acquire load in outcome(): what the
// claimer did before is seen by the waiter. Its acquire pairs with the release of kOpen -> kParked:
// the claimer sees the saved context.
#ifndef UMCG_RUNTIME_WAITING_WAITER_H_
#define UMCG_RUNTIME_WAITING_WAITER_H_

#include <atomic>
#include <cstdint>
#include <stop_token>

#include "runtime/base/lock_sleepers.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_reason.h"
#include "umcg/kernel.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

struct WaitNode;

// By whom a wait was ended. What an object's own code means is the object's affair.
using Outcome = std::uint32_t;
inline constexpr Outcome kTimedOut = 2;
inline constexpr Outcome kStopAsked = 3;
inline constexpr Outcome kGranted = 4;  // what was waited for is the waiter's
inline constexpr Outcome kRetry = 5;    // it may be had now: try again
inline constexpr Outcome kShut = 6;     // the object was closed
// A wait for several objects is told by which of its nodes it was ended (wait_queue.h).
constexpr Outcome outcome_at(std::uint32_t which, Outcome code) noexcept {
  return which << 8 | code;
}
constexpr std::uint32_t which_of(Outcome outcome) noexcept { return outcome >> 8; }
constexpr Outcome code_of(Outcome outcome) noexcept { return outcome & 255; }

// What a won claim leaves to do.
struct Claim {
  bool won = false;
  FiberCore* fiber = nullptr;  // to be made ready
  umcg_tid thread = 0;         // to be woken
};

class Waiter {
 public:
  // For the calling fiber, or, when there is none or it is pinned, for the calling thread. What is
  // awaited is for reports only; `object` is that by which people and the wait graph know it.
  explicit Waiter(WaitReason reason = WaitReason::kOther, const void* object = nullptr)
      : reason_(reason), object_(object) {
    FiberCore* const f = current_fiber();
    if (f != nullptr && f->may_migrate()) [[likely]] {
      fiber_ = f;
    } else {
      begin_as_thread(f);
    }
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Anybody who knows that the waiter lives. After a won claim the waiter may be gone, unless the
  // lock under which it was found is still held.
  Claim try_claim(Outcome outcome) noexcept {
    const Claim claim{true, fiber_, thread_};
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while (seen <= kParked) {
      if (state_.compare_exchange_weak(seen, outcome, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
        return seen == kParked ? claim : Claim{true, nullptr, 0};
      }
    }
    return {};
  }

  // Waits until somebody claims. The waiter's fiber or thread; may suspend, may migrate.
  // The common case has no frame of its own: each line of a stack that is fetched to wake its fiber
  // counts, where there are many.
  Outcome wait(const std::stop_token* stop, Deadline deadline) {
    if (fiber_ == nullptr || stop != nullptr || !deadline.is_never()) {
      return wait_with_limits(stop, deadline);
    }
    const ShowWait show(fiber_->waits_for, reason_, object_, false);
    park(*this);
    return state_.load(std::memory_order_acquire);
  }

  // For an object with a place for one waiter, who is parked when it is entered there
  // (semaphore.cc): no claim is needed then. A wait without a limit, of the calling fiber, which
  // can_park_directly(). Nobody can find it before enter() has, so it may say "parked" at once.
  Waiter(FiberCore& fiber, WaitReason reason, const void* object) noexcept
      : state_(kParked), reason_(reason), object_(object), fiber_(&fiber) {}
  static bool can_park_directly(const FiberCore* fiber) noexcept {
    return fiber != nullptr && !fiber->ties.any();
  }
  // Parks the fiber; the far side of the switch calls enter(fiber, object). If that is false, or
  // when somebody claims, or makes the fiber ready as the only one who knows of it, it runs on.
  // Returns the claim, or kParked.
  Outcome park_directly(WaitNode& node, bool (*enter)(FiberCore&, void*), void* object) {
    const ShowWait show(fiber_->waits_for, reason_, object_, false);
    DirectEntry entry{&node, enter, object};
    park(entry);
    return state_.load(std::memory_order_acquire);
  }

  // After wait(): whether the claimer may still be in the critical section in which it claimed.
  bool claimer_may_linger() const noexcept { return claimed_open_ || fiber_ == nullptr; }

  // For an object that its claimer may destroy, so that one who waited cannot pass through its lock
  // (channel_core.cc). The claimer, after the critical section and before make_ready(): his last
  // touch of the waiter.
  void let_go() noexcept {
    // Release pairs with the acquire in wait_until_let_go().
    let_go_.store(kLetGo, std::memory_order_release);
    LockSleepers::wake_those_of(&let_go_);
  }
  // After wait(), instead of settling. At most as long as the critical section.
  void wait_until_let_go() noexcept;

  // For the far side of the switch that parks the fiber. False: claimed already.
  bool settle_parked() noexcept {
    std::uint32_t open = kOpen;
    if (state_.compare_exchange_strong(open, kParked, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
      return true;
    }
    claimed_open_ = true;
    return false;
  }
  bool is_claimed() const noexcept { return state_.load(std::memory_order_acquire) > kParked; }
  void note_claimed_open() noexcept { claimed_open_ = true; }

 private:
  static constexpr std::uint32_t kOpen = 0;
  static constexpr std::uint32_t kParked = 1;

  // Of let_go_, which the claimer writes, by a plain store: see lock_sleepers.h.
  static constexpr std::uint32_t kHeld = 0;
  static constexpr std::uint32_t kLetGo = 1;

  void begin_as_thread(const FiberCore* fiber);
  Outcome wait_with_limits(const std::stop_token* stop, Deadline deadline);
  void wait_as_thread(Deadline deadline);
  void wait_as_fiber(Deadline deadline);

  std::atomic<std::uint32_t> state_{kOpen};
  std::atomic<std::uint32_t> let_go_{kHeld};
  bool claimed_open_ = false;
  const WaitReason reason_;
  const void* const object_;
  FiberCore* fiber_ = nullptr;
  umcg_tid thread_ = 0;
};

// Does what a won claim has left to do. Any thread, not under a queue's lock.
void make_ready(const Claim& claim) noexcept;

// What a stop request does to a wait.
struct ClaimAtStop {
  Waiter* waiter;
  Outcome outcome;
  void operator()() const noexcept { make_ready(waiter->try_claim(outcome)); }
};
using StopWatch = std::stop_callback<ClaimAtStop>;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_WAITER_H_
