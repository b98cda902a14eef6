// SPDX-License-Identifier: Apache-2.0
// inject_queue.h - InjectQueue: the runtime's shared FIFO, for fibers made ready by anybody who
// holds no server, and for what overflows the servers' own queues.
#ifndef UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_
#define UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>

#include "runtime/base/brief_lock.h"
#include "runtime/fiber/fiber_slab.h"

namespace umcg::inline v0::internal {

class InjectQueue {
 public:
  // seq_cst: the store side publishes work, the load side is the last look before sleep (idle.h).
  std::size_t size() const noexcept { return size_.load(std::memory_order_seq_cst); }
  std::size_t size_hint() const noexcept { return size_.load(std::memory_order_relaxed); }

  void push(FiberChain chain) noexcept {
    std::lock_guard lock(lock_);
    fibers_.append(chain);
    size_.store(fibers_.count, std::memory_order_seq_cst);
  }
  void push(FiberCore* f) noexcept {
    FiberChain one;
    one.push_back(f);
    push(one);
  }

  // The oldest `most` at the most.
  FiberChain pop(std::size_t most) noexcept {
    FiberChain taken;
    std::lock_guard lock(lock_);
    while (taken.count < most && !fibers_.empty()) taken.push_back(fibers_.pop_front());
    size_.store(fibers_.count, std::memory_order_seq_cst);
    return taken;
  }

 private:
  BriefLock lock_;
  FiberChain fibers_;                 // under lock_
  std::atomic<std::size_t> size_{0};  // written under lock_
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_INJECT_QUEUE_H_
