// SPDX-License-Identifier: Apache-2.0
// ready_ring.h - ReadyRing: the FIFO of fibers that are ready to go on: woken ones and those that
// yielded.
//
// States: slots [head, tail) hold fibers. The owner alone writes slots and `tail`. `head` is
// advanced by CAS, by the owner (pop) and by thieves (steal half); by a plain store while the owner
// is alone (thief_gate.h). The race that matters: a thief copies slots while the owner refills
// them. The owner refills a slot only after head has passed it, so a thief that read a refilled
// slot finds head moved, its CAS fails, and what it copied is thrown away. (After 2^32 pushes
// during one steal it could be fooled; a thread is not off the CPU that long with this in hand.)
// Orders: push's store of `tail` (release) pairs with the thief's acquire load of `tail`; the
// thief's CAS on head (release) pairs with the owner's acquire load of head in push, so that a slot
// is refilled only after it was read. Rejected: a plain mutex per queue (a preempted thief would
// stop the owner); a lock-free linked queue (one more cache line per fiber); an unbounded ring
// (allocation inside the scheduler).
#ifndef UMCG_RUNTIME_SCHEDULER_READY_RING_H_
#define UMCG_RUNTIME_SCHEDULER_READY_RING_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "runtime/fiber/fiber_slab.h"
#include "runtime/scheduler/thief_gate.h"

namespace umcg::inline v0::internal {

template <std::uint32_t kCapacity>
class BasicReadyRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  bool looks_empty() const noexcept {
    return head_.load(std::memory_order_seq_cst) == tail_.load(std::memory_order_seq_cst);
  }

  // Owner. False when full. Who sleeps makes sure that he sees it (idle_set.h).
  bool push(FiberCore* f) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    if (tail - head >= kCapacity) return false;
    slot(tail).store(f, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Owner. The oldest, or null.
  FiberCore* pop(ThiefGate& gate) noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    if (head == tail_.load(std::memory_order_relaxed)) [[unlikely]] {
      return nullptr;
    }
    if (gate.begin_alone()) [[likely]] {
      // Still the head: the gate opens to no one unnoticed, and nobody but us closes it.
      FiberCore* const f = slot(head).load(std::memory_order_relaxed);
      head_.store(head + 1, std::memory_order_relaxed);
      gate.end_alone();
      return f;
    }
    return pop_with_care();
  }

  // Owner, whether or not there are thieves.
  FiberCore* pop_with_care() noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    while (head != tail_.load(std::memory_order_relaxed)) {
      FiberCore* const f = slot(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return f;
      }
    }
    return nullptr;
  }

  // Owner. Takes the older half out; empty if thieves were faster.
  FiberChain take_half() noexcept {
    FiberChain chain;
    std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t n = (tail_.load(std::memory_order_relaxed) - head) / 2;
    FiberCore* taken[kCapacity / 2];
    for (std::uint32_t i = 0; i < n; ++i) taken[i] = slot(head + i).load(std::memory_order_relaxed);
    if (head_.compare_exchange_strong(head, head + n, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      for (std::uint32_t i = 0; i < n; ++i) chain.push_back(taken[i]);
    }
    return chain;
  }

  // Any other server's worker, in a visit. Moves the older half into `into`, which the caller owns
  // and which is empty, and returns one of them; null if there was nothing.
  FiberCore* steal_into(BasicReadyRing& into) noexcept {
    const std::uint32_t base = into.tail_.load(std::memory_order_relaxed);
    for (;;) {
      std::uint32_t head = head_.load(std::memory_order_acquire);
      const std::uint32_t tail = tail_.load(std::memory_order_acquire);
      const std::uint32_t size = tail - head;
      if (size == 0) return nullptr;
      if (size > kCapacity) continue;  // head moved between the two loads
      const std::uint32_t n = size - size / 2;
      for (std::uint32_t i = 0; i < n; ++i) {
        into.slot(base + i).store(slot(head + i).load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
      }
      if (head_.compare_exchange_strong(head, head + n, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
        // The last one stays outside: it is returned.
        into.tail_.store(base + n - 1, std::memory_order_release);
        return into.slot(base + n - 1).load(std::memory_order_relaxed);
      }
    }
  }

  // For those who only guess: searchers, and readers of another process (live_page.h). There are as
  // many fibers as newest - oldest.
  const std::atomic<std::uint32_t>& oldest_end() const noexcept { return head_; }
  const std::atomic<std::uint32_t>& newest_end() const noexcept { return tail_; }

 private:
  std::atomic<FiberCore*>& slot(std::uint32_t i) noexcept { return slots_[i & (kCapacity - 1)]; }

  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  std::atomic<FiberCore*> slots_[kCapacity] = {};
};

using ReadyRing = BasicReadyRing<256>;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_READY_RING_H_
