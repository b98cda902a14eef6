// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/completion.h"

#include <exception>
#include <mutex>
#include <new>

#include "runtime/base/report.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/sync/event_word.h"

namespace umcg::inline v0::internal {
namespace {

// As std::thread, but with the fiber's name.
[[noreturn]] void terminate_for(const FiberCore& f) noexcept {
  try {
    std::rethrow_exception(f.error);
  } catch (const std::exception& e) {
    warn_of(f, "threw an exception that nobody can join: %s", e.what());
    std::terminate();
  } catch (...) {
    warn_of(f, "threw an exception that nobody can join");
    std::terminate();
  }
}

FiberCore* direct_joiner(std::uintptr_t word) noexcept {
  return reinterpret_cast<FiberCore*>(word & ~(kDirectJoin | kDone));
}

// For somebody who waits in the queue, as `seen` says. False: he has just left it.
bool end_for_queue(WaitQueue& done, std::uintptr_t seen, Wakeups& wakeups) noexcept {
  if ((seen & kQueueLocked) != 0) {
    (void)QueueLock::wait_until_unlocked(done);
    return false;
  }
  if (!done.word.compare_exchange_strong(seen, seen | kQueueLocked, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
    return false;
  }
  QueueLock lock(done, seen);
  lock.set_flags(kDone);
  wakeups.claim_all(lock, kGranted);
  return true;
}

}  // namespace

bool finish_if_detached(FiberCore& f) noexcept {
  // Acquire pairs with the release of detach(): the task is ours now.
  if ((f.done.word.load(std::memory_order_acquire) & kDetached) == 0) return false;
  if (f.error) terminate_for(f);
  destroy_task(f);
  return true;
}

FiberCore* complete(FiberCore& f, Worker& w, bool& holds) noexcept {
  f.state.store(FiberState::kDone, std::memory_order_relaxed);
  for (;;) {
    std::uintptr_t seen = f.done.word.load(std::memory_order_acquire);
    // Release pairs with the acquire of event_is_set(): the result is seen by whoever joins.
    if (seen == 0 && f.done.word.compare_exchange_strong(seen, kDone, std::memory_order_acq_rel,
                                                         std::memory_order_acquire)) {
      return nullptr;
    }
    if ((seen & kDirectJoin) != 0) {
      FiberCore* const joiner = direct_joiner(seen);
      // Nobody else writes now. The joiner sees the result: it runs after this on the same server,
      // or is handed over by a queue.
      f.done.word.store(kDone, std::memory_order_release);
      if (holds && joiner->rt == w.rt) return joiner;
      joiner->rt->wake_from_outside(joiner);
      return nullptr;
    }
    if ((seen & kDetached) != 0) {
      w.in_rt.store(0, std::memory_order_release);
      (void)finish_if_detached(f);
      holds = enter(w);
      recycle_fiber(*w.rt, w.server, f);
      return nullptr;
    }
    Wakeups wakeups;
    if (end_for_queue(f.done, seen, wakeups)) {
      return holds ? wakeups.take_one_of(*w.rt) : nullptr;
    }
  }
}

void free_name_slow(FiberCore& f) noexcept {
  std::lock_guard lock(f.rt->stop_lock());
  delete[] f.name.exchange(nullptr, std::memory_order_relaxed);
}

void free_task_memory(FiberCore& f) noexcept {
  ::operator delete (f.task, std::align_val_t{f.task_align});
}

void recycle_to_slab(RuntimeCore& rt, FiberCore& f) noexcept {
  FiberChain one;
  one.push_back(&f);
  rt.fibers().release(one);
}

void recycle_half(RuntimeCore& rt, FiberChain& kept) noexcept {
  rt.fibers().release(kept.take(kept.count / 2));
}

}  // namespace umcg::inline v0::internal
