// SPDX-License-Identifier: Apache-2.0
// thread_pool.cc - a task beyond max_in_flight is a fiber that has been built and not started: a
// descriptor with its closure, linked by FiberCore::next, which no queue of the scheduler uses yet.
// The task that ends starts the first of them in its place.
//
// Rejected: a semaphore in front of each task (a parked fiber with a stack for each); one fiber
// that runs task after task (ids, stop states and what else belongs to a fiber would be shared).
#include "umcg/thread_pool.h"

#include <stdexcept>
#include <utility>

#include "runtime/fiber/fiber_core.h"
#include "runtime/runtime_core.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

}  // namespace

ThreadPool::ThreadPool(Runtime& rt, Options options)
    : FiberGroup(RuntimeCore::of(rt)), max_in_flight_(options.max_in_flight) {
  if (max_in_flight_ == 0) {
    throw std::invalid_argument("umcg::ThreadPoolOptions: max_in_flight must be at least 1");
  }
}

ThreadPool::~ThreadPool() { (void)wait_for_children("~ThreadPool", nullptr, Deadline()); }

void ThreadPool::wait() { (void)wait_for_children("ThreadPool::wait()", nullptr, Deadline()); }

WaitStatus ThreadPool::wait(std::stop_token stop, Deadline deadline) {
  return wait_for_children("ThreadPool::wait()", &stop, deadline);
}

void ThreadPool::start_child(BuiltFiber child) {
  if (max_in_flight_ != kNoLimit) {
    QueueLock lock(lock_);
    if (in_flight_ == max_in_flight_) {
      child.fiber->ops = child.ops;
      child.fiber->next = nullptr;
      (first_ == nullptr ? first_ : last_->next) = child.fiber;
      last_ = child.fiber;
      return;
    }
    ++in_flight_;
  }
  start(child);
}

void ThreadPool::child_ended() noexcept {
  if (max_in_flight_ == kNoLimit) return;
  FiberCore* next;
  {
    QueueLock lock(lock_);
    next = first_;
    if (next == nullptr) {
      --in_flight_;
    } else {
      first_ = next->next;
    }
  }
  if (next != nullptr) start({next, next->ops});
}

}  // namespace umcg::inline v0
