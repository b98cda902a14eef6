// SPDX-License-Identifier: Apache-2.0
// fiber_slab.h - FiberSlab: type-stable memory for descriptors. One per runtime.
//
// Memory that has once been a FiberCore stays one until the runtime ends. Each server keeps free
// descriptors of its own; they come and go here in batches.
#ifndef UMCG_RUNTIME_FIBER_FIBER_SLAB_H_
#define UMCG_RUNTIME_FIBER_FIBER_SLAB_H_

#include <atomic>
#include <cstddef>
#include <utility>

#include "runtime/base/brief_lock.h"
#include "runtime/fiber/fiber_core.h"

namespace umcg::inline v0::internal {

// A singly linked list through FiberCore::next that knows both ends. Not synchronised.
struct FiberChain {
  FiberCore* first = nullptr;
  FiberCore* last = nullptr;
  std::size_t count = 0;

  bool empty() const noexcept { return first == nullptr; }
  void push_front(FiberCore* f) noexcept {
    f->next = first;
    first = f;
    if (last == nullptr) last = f;
    ++count;
  }
  void push_back(FiberCore* f) noexcept {
    f->next = nullptr;
    if (last == nullptr) {
      first = f;
    } else {
      last->next = f;
    }
    last = f;
    ++count;
  }
  FiberCore* pop_front() noexcept {
    FiberCore* const f = first;
    if (f == nullptr) return nullptr;
    first = f->next;
    if (first == nullptr) last = nullptr;
    --count;
    return f;
  }
  // The first `most`.
  FiberChain take(std::size_t most) noexcept {
    if (most >= count) return std::exchange(*this, {});
    FiberChain taken;
    if (most == 0) return taken;
    taken = {.first = first, .last = first, .count = most};
    for (std::size_t i = 1; i < most; ++i) taken.last = taken.last->next;
    first = taken.last->next;
    taken.last->next = nullptr;
    count -= most;
    return taken;
  }
  void append(FiberChain other) noexcept {
    if (other.empty()) return;
    if (empty()) {
      *this = other;
      return;
    }
    last->next = other.first;
    last = other.last;
    count += other.count;
  }
};

class FiberSlab {
 public:
  FiberSlab() = default;
  ~FiberSlab();
  FiberSlab(const FiberSlab&) = delete;
  FiberSlab& operator=(const FiberSlab&) = delete;

  // Up to `want` free descriptors; empty when the system has no memory. Maps memory.
  FiberChain allocate(std::size_t want) noexcept;
  void release(FiberChain chain) noexcept;

  // Calls visit(FiberCore&) for every descriptor there is, free ones too. A new slab may be missed.
  // Safe in a signal handler if visit() is.
  template <class Visit>
  void for_each(Visit visit) const {
    // Acquire pairs with the release of add_slab().
    for (Slab* slab = slabs_.load(std::memory_order_acquire); slab != nullptr; slab = slab->next) {
      for (FiberCore& f : slab->fibers) visit(f);
    }
  }

 private:
  friend struct DebugLayout;
  static constexpr std::size_t kPerSlab = 255;
  struct Slab {
    Slab* next;
    FiberCore fibers[kPerSlab];
  };
  bool add_slab() noexcept;

  BriefLock lock_;
  FiberChain free_;                    // under lock_
  std::atomic<Slab*> slabs_{nullptr};  // written under lock_; a slab's `next` never changes
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_FIBER_SLAB_H_
