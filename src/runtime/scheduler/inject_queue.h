// SPDX-License-Identifier: Apache-2.0
// inject_queue.h - InjectQueue: ready fibers that belong to no server yet, shared by all servers.
//
// Three lines, each FIFO: urgent ones, which go on after a wait; fresh ones, which have not begun;
// and patient ones, which yielded after a long turn. They are asked in this order, but in reverse
// every fourth time, so that none starves. A server beside a hog takes the urgent only (hogs.h).
//
// The sizes are two halves of one word, so that a push publishes what it did, and whether it has to
// tell anybody, by one seq_cst store.
#ifndef UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_
#define UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "runtime/base/brief_lock.h"
#include "runtime/fiber/fiber_slab.h"

namespace umcg::inline v0::internal {

class InjectQueue {
 public:
  // seq_cst: the store side publishes work, the load side is the last look before sleep
  // (idle_set.h).
  std::size_t size() const noexcept { return sum(sizes_.load(std::memory_order_seq_cst)); }
  std::size_t urgent_size() const noexcept {
    return sizes_.load(std::memory_order_seq_cst) % kOneOther;
  }
  std::size_t size_hint() const noexcept { return sum(sizes_.load(std::memory_order_relaxed)); }
  std::size_t urgent_hint() const noexcept {
    return sizes_.load(std::memory_order_relaxed) % kOneOther;
  }

  void push(FiberChain chain) noexcept {
    std::lock_guard lock(lock_);
    while (FiberCore* f = chain.pop_front()) line_of(*f).push_back(f);
    publish_sizes();
  }
  // `then` runs when the fiber can be seen and nobody can have taken it yet, under the lock.
  template <class Then>
  void push(FiberCore* f, Then then) noexcept {
    std::lock_guard lock(lock_);
    line_of(*f).push_back(f);
    publish_sizes();
    then();
  }

  // The oldest `most` of one line at the most; of the patient one only. Who runs that one takes
  // the mark off.
  FiberChain pop(std::size_t most) noexcept {
    constexpr unsigned kReverse = 4;
    std::lock_guard lock(lock_);
    if (++turn_ % kReverse != 0) {
      if (!urgent_.empty()) return take(urgent_, most);
      if (!fresh_.empty()) return take(fresh_, most);
      return take(patient_, 1);
    }
    if (!patient_.empty()) return take(patient_, 1);
    if (!fresh_.empty()) return take(fresh_, most);
    return take(urgent_, most);
  }
  FiberChain pop_urgent(std::size_t most) noexcept {
    std::lock_guard lock(lock_);
    return take(urgent_, most);
  }
  // One that has not begun, or, if that is asked for, a patient one; or null.
  FiberCore* pop_other(bool patient_too) noexcept {
    std::lock_guard lock(lock_);
    return take(fresh_.empty() && patient_too ? patient_ : fresh_, 1).pop_front();
  }

 private:
  static constexpr std::uint64_t kOneOther = std::uint64_t{1} << 32;
  static std::size_t sum(std::uint64_t sizes) noexcept {
    return sizes % kOneOther + sizes / kOneOther;
  }

  FiberChain& line_of(const FiberCore& f) noexcept {
    return f.patient ? patient_ : f.needs_stack() ? fresh_ : urgent_;
  }
  FiberChain take(FiberChain& line, std::size_t most) noexcept {
    FiberChain taken = line.take(most);
    publish_sizes();
    return taken;
  }
  void publish_sizes() noexcept {
    sizes_.store(urgent_.count + (fresh_.count + patient_.count) * kOneOther,
                 std::memory_order_seq_cst);
  }

  BriefLock lock_;
  // Under lock_.
  FiberChain urgent_;
  FiberChain fresh_;
  FiberChain patient_;
  unsigned turn_ = 0;
  // How many are urgent, and how many are not. Written under lock_.
  std::atomic<std::uint64_t> sizes_{0};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_
