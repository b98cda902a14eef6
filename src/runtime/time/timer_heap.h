// SPDX-License-Identifier: Apache-2.0
// timer_heap.h - Timer, TimerHeap: waits that end at a deadline. One heap per server.
//
// A pairing heap of nodes that stand on the stacks of the waiting fibers: nothing is allocated,
// insert is O(1), removal O(log n) amortised. Any thread may insert, cancel and fire, under the
// heap's lock.
//
// Who fires: the server's holder, now and then between two fibers and always before it goes idle;
// one idle server (the "keeper") sleeps until the earliest deadline of all heaps; the monitor, for
// heaps whose server is busy with one fiber for long. See idle.cc and monitor.cc. The race that
// matters: a timer fires while its wait ends otherwise. fire() claims under the lock, cancel()
// takes the lock: whoever returns from cancel() knows that no one touches his timer any more.
#ifndef UMCG_RUNTIME_TIME_TIMER_HEAP_H_
#define UMCG_RUNTIME_TIME_TIMER_HEAP_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/brief_lock.h"
#include "runtime/base/clock.h"
#include "runtime/fiber/fiber_slab.h"

namespace umcg::inline v0::internal {

class TimerHeap;
class Waiter;

class Timer {
 public:
  Timer(Waiter& waiter, std::int64_t deadline_ns) noexcept
      : waiter_(&waiter), deadline_(deadline_ns) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  std::int64_t deadline() const noexcept { return deadline_; }
  // After this nobody else refers to the timer.
  void cancel() noexcept;

 private:
  friend class TimerHeap;
  Waiter* const waiter_;
  const std::int64_t deadline_;
  // Under the heap's lock.
  TimerHeap* heap_ = nullptr;
  bool linked_ = false;
  Timer* child_ = nullptr;
  Timer* sibling_ = nullptr;
  Timer* before_ = nullptr;  // the sibling before this one, or the parent of a first child
};

class TimerHeap {
 public:
  // The earliest deadline, or kNeverNs. seq_cst: read as the last look before a sleep.
  std::int64_t earliest() const noexcept { return earliest_.load(std::memory_order_seq_cst); }
  std::int64_t earliest_hint() const noexcept { return earliest_.load(std::memory_order_relaxed); }

  void insert(Timer& timer) noexcept;
  // Ends the waits that are due. Returns the fibers that are to be made ready, and how many fired.
  FiberChain fire(std::int64_t now_ns, std::uint64_t* fired) noexcept;

 private:
  friend class Timer;
  void remove(Timer& timer) noexcept;
  void publish_earliest() noexcept;
  static Timer* meld(Timer* a, Timer* b) noexcept;
  static Timer* merge_siblings(Timer* first) noexcept;

  BriefLock lock_;
  Timer* root_ = nullptr;                         // under lock_
  std::atomic<std::int64_t> earliest_{kNeverNs};  // written under lock_
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TIME_TIMER_HEAP_H_
