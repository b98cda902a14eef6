// SPDX-License-Identifier: Apache-2.0
#include "runtime/time/timer_heap.h"

#include <mutex>
#include <utility>

#include "runtime/waiting/waiter.h"

namespace umcg::inline v0::internal {

Timer* TimerHeap::meld(Timer* a, Timer* b) noexcept {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->deadline_ < a->deadline_) std::swap(a, b);
  b->before_ = a;
  b->sibling_ = a->child_;
  if (b->sibling_ != nullptr) b->sibling_->before_ = b;
  a->child_ = b;
  return a;
}

// Two passes: pairs from left to right, then all of them from right to left. Iterative, since the
// caller may stand on a small stack.
Timer* TimerHeap::merge_siblings(Timer* first) noexcept {
  Timer* pairs = nullptr;  // linked through sibling_, the last pair first
  while (first != nullptr) {
    Timer* const a = first;
    Timer* const b = a->sibling_;
    first = b != nullptr ? b->sibling_ : nullptr;
    a->sibling_ = a->before_ = nullptr;
    if (b != nullptr) b->sibling_ = b->before_ = nullptr;
    Timer* const pair = meld(a, b);
    pair->sibling_ = pairs;
    pairs = pair;
  }
  Timer* merged = nullptr;
  while (pairs != nullptr) {
    Timer* const pair = pairs;
    pairs = pair->sibling_;
    pair->sibling_ = nullptr;
    merged = meld(merged, pair);
  }
  return merged;
}

void TimerHeap::publish_earliest() noexcept {
  const std::int64_t earliest = root_ != nullptr ? root_->deadline_ : kNeverNs;
  if (earliest_.load(std::memory_order_relaxed) != earliest) {
    earliest_.store(earliest, std::memory_order_seq_cst);
  }
}

void TimerHeap::insert(Timer& timer) noexcept {
  std::lock_guard lock(lock_);
  timer.heap_ = this;
  timer.linked_ = true;
  root_ = meld(root_, &timer);
  publish_earliest();
}

void TimerHeap::remove(Timer& timer) noexcept {
  Timer* const orphans = merge_siblings(timer.child_);
  if (&timer == root_) {
    root_ = orphans;
  } else {
    if (timer.before_->child_ == &timer) {
      timer.before_->child_ = timer.sibling_;
    } else {
      timer.before_->sibling_ = timer.sibling_;
    }
    if (timer.sibling_ != nullptr) timer.sibling_->before_ = timer.before_;
    root_ = meld(root_, orphans);
  }
  timer.linked_ = false;
  timer.child_ = timer.sibling_ = timer.before_ = nullptr;
}

FiberChain TimerHeap::fire(std::int64_t now_ns, std::uint64_t* fired) noexcept {
  FiberChain ready;
  std::lock_guard lock(lock_);
  while (root_ != nullptr && root_->deadline_ <= now_ns) {
    Timer& due = *root_;
    remove(due);
    const Claim claim = due.waiter_->try_claim(kTimedOut);
    if (claim.won) ++*fired;
    if (claim.fiber != nullptr) ready.push_back(claim.fiber);
  }
  publish_earliest();
  return ready;
}

void Timer::cancel() noexcept {
  if (heap_ == nullptr) return;
  std::lock_guard lock(heap_->lock_);
  if (!linked_) return;
  heap_->remove(*this);
  heap_->publish_earliest();
}

}  // namespace umcg::inline v0::internal
