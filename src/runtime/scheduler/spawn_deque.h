// SPDX-License-Identifier: Apache-2.0
// spawn_deque.h - SpawnDeque: fibers that have not begun yet. The owner takes the newest, thieves
// the oldest.
//
// Newest first keeps a tree of fibers depth-first: as many stacks are live as the tree is deep, not
// as it is wide. The oldest is the root of the largest subtree, so one steal keeps a thief busy for
// long.
//
// It is the deque of Chase and Lev with a fixed array: [top, bottom). The owner writes slots and
// `bottom`; `top` only grows, by CAS, by thieves and by the owner when it takes the last one.
// The race that matters: owner and thief both want the last fiber. The owner lowers bottom, then
// reads top; the thief reads top, then bottom. The four are seq_cst, so at least one sees the
// other's move, and the CAS on top then decides between them. If the owner sees one only to begin
// with, it takes that like a thief, and bottom stays: one locked operation less where each fiber is
// joined before the next is spawned. While the owner is alone (thief_gate.h) none of that is
// needed. Orders: push's store of bottom is a release, which a thief's loads pair with. The relaxed
// loads are the owner's, of what it wrote itself.
#ifndef UMCG_RUNTIME_SCHEDULER_SPAWN_DEQUE_H_
#define UMCG_RUNTIME_SCHEDULER_SPAWN_DEQUE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "runtime/fiber/fiber_slab.h"
#include "runtime/scheduler/thief_gate.h"

namespace umcg::inline v0::internal {

template <std::int64_t kCapacity>
class BasicSpawnDeque {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  bool looks_empty() const noexcept {
    return bottom_.load(std::memory_order_seq_cst) <= top_.load(std::memory_order_seq_cst);
  }

  // Owner. False when full. Who sleeps makes sure that he sees it (idle_set.h).
  bool push(FiberCore* f) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    // Acquire pairs with the thief's CAS: a slot is refilled only after it was read.
    const std::int64_t top = top_.load(std::memory_order_acquire);
    if (bottom - top >= kCapacity) return false;
    slot(bottom).store(f, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);
    return true;
  }

  // Owner. The newest, or null.
  FiberCore* pop(ThiefGate& gate) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    const std::int64_t top = top_.load(std::memory_order_relaxed);
    // top only grows: once empty, it stays so until the owner pushes.
    if (bottom < top) return nullptr;
    if (gate.begin_alone()) [[likely]] {
      // Still the top: the gate opens to no one unnoticed, and nobody but us closes it.
      FiberCore* const f = slot(bottom).load(std::memory_order_relaxed);
      // The last one counts as taken from the old end, for those who watch that (oldest()).
      if (bottom == top) {
        top_.store(top + 1, std::memory_order_relaxed);
      } else {
        bottom_.store(bottom, std::memory_order_relaxed);
      }
      gate.end_alone();
      return f;
    }
    return pop_with_care();
  }

  // Owner, whether or not there are thieves.
  FiberCore* pop_with_care() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    std::int64_t top = top_.load(std::memory_order_relaxed);
    if (bottom < top) return nullptr;
    if (bottom == top) return take_oldest(top);
    bottom_.store(bottom, std::memory_order_seq_cst);
    top = top_.load(std::memory_order_seq_cst);
    if (top < bottom) return slot(bottom).load(std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);
    return top == bottom ? take_oldest(top) : nullptr;
  }

  // The owner, or a thief in a visit. The oldest, or null when there is none or another thief was
  // faster.
  FiberCore* steal() noexcept {
    const std::int64_t top = top_.load(std::memory_order_seq_cst);
    if (top >= bottom_.load(std::memory_order_seq_cst)) return nullptr;
    return take_oldest(top);
  }

  // Changes whenever the oldest one is taken.
  std::int64_t oldest() const noexcept { return top_.load(std::memory_order_relaxed); }

  // Owner. Takes the older half out, or kMostTaken; empty if a thief was faster. In one step: the
  // owner itself does not pop meanwhile, and if top is where it was, no thief has taken any of
  // them.
  FiberChain take_half() noexcept {
    FiberChain chain;
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    const std::int64_t n =
        std::min((bottom_.load(std::memory_order_relaxed) - top) / 2, kMostTaken);
    FiberCore* taken[kMostTaken];
    for (std::int64_t i = 0; i < n; ++i) taken[i] = slot(top + i).load(std::memory_order_relaxed);
    if (top_.compare_exchange_strong(top, top + n, std::memory_order_seq_cst)) {
      for (std::int64_t i = 0; i < n; ++i) chain.push_back(taken[i]);
    }
    return chain;
  }

  // For those who only guess: searchers, and readers of another process (live_page.h). There are as
  // many fibers as newest - oldest.
  const std::atomic<std::int64_t>& oldest_end() const noexcept { return top_; }
  const std::atomic<std::int64_t>& newest_end() const noexcept { return bottom_; }

 private:
  // Anybody. The one at top; null if somebody else was faster.
  FiberCore* take_oldest(std::int64_t top) noexcept {
    FiberCore* const f = slot(top).load(std::memory_order_relaxed);
    return top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst) ? f : nullptr;
  }

  static constexpr std::int64_t kMostTaken = 128;  // pointers to them stand on a fiber's stack

  std::atomic<FiberCore*>& slot(std::int64_t i) noexcept {
    return slots_[static_cast<std::uint64_t>(i) & (kCapacity - 1)];
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::atomic<FiberCore*> slots_[kCapacity] = {};
};

using SpawnDeque = BasicSpawnDeque<1024>;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_SPAWN_DEQUE_H_
