// SPDX-License-Identifier: Apache-2.0
// mutex.h - Mutex: mutual exclusion between fibers and plain threads, in any mix.
//
// A fiber that must wait is parked and its server runs other fibers; a thread waits in the kernel.
// Use it wherever a lock is held over something that may suspend. A std::mutex is fine too while
// nothing in the critical section suspends.
//
//     umcg::Mutex m;
//     { std::scoped_lock lock(m); ++balance; }
//
// Not recursive. Only the fiber (or thread) that locked may unlock; breaking that aborts and names
// the fiber, and so does destroying it while it is held or awaited. Fairness: an unlocked mutex
// goes to whoever comes first, but a waiter that has lost once is handed the lock directly, so
// nobody starves. Two words, constinit-able, never allocates, and may be destroyed as soon as no
// one holds or awaits it. Memory order: unlock() happens before the lock() that follows it.
#ifndef UMCG_MUTEX_H_
#define UMCG_MUTEX_H_

#include <atomic>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/thread_annotations.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API UMCG_CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex() noexcept = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() {
    if (owner_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      report_in_use();
  }

  // Any fiber or thread. May suspend, may migrate. Woken by unlock(). Never interrupted.
  void lock() UMCG_ACQUIRE();
  // Never suspends. False if the mutex is held, by the caller too.
  bool try_lock() noexcept UMCG_TRY_ACQUIRE(true);
  // The owner only. Never suspends.
  void unlock() UMCG_RELEASE();

  // As lock(), but gives up: kReady means that the lock is held. clang does not see that it is: say
  // assert_held() after it.
  WaitStatus lock(std::stop_token stop, Deadline deadline = {});

  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> d) UMCG_TRY_ACQUIRE(true) {
    return lock(std::stop_token(), Deadline(d)) == WaitStatus::kReady;
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> t) UMCG_TRY_ACQUIRE(true) {
    return lock(std::stop_token(), Deadline(t)) == WaitStatus::kReady;
  }

  // Aborts unless the caller holds it.
  void assert_held() const UMCG_ASSERT_CAPABILITY(this);

 private:
  friend class RecursiveMutex;
  bool is_held_by_caller() const noexcept;
  [[gnu::cold]] void report_in_use() const noexcept;

  // Owner's token and the "somebody waits" bit. A free lock is taken by CAS from any context; the
  // bit changes, and a lock that is awaited is given up, under the queue's lock.
  std::atomic<std::uintptr_t> owner_{0};
  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_MUTEX_H_
