// SPDX-License-Identifier: Apache-2.0
// recursive_mutex.h - RecursiveMutex: a Mutex that its owner may lock again.
//
// For code that was written for std::recursive_mutex; a std one breaks when it is held over a
// suspension, since its owner is the thread. New code is better off with a Mutex and functions that
// expect it held.
//
//     umcg::RecursiveMutex m;
//     void outer() { std::scoped_lock lock(m); inner(); }
//     void inner() { std::scoped_lock lock(m); ++n; }
//
// As std::recursive_timed_mutex. It is given up by as many unlock() as there were locks. Fairness,
// destruction and memory order are those of Mutex. Three words, constinit-able, never allocates.
#ifndef UMCG_RECURSIVE_MUTEX_H_
#define UMCG_RECURSIVE_MUTEX_H_

#include <cstddef>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/thread_annotations.h"
#include "umcg/mutex.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API UMCG_CAPABILITY("recursive mutex") RecursiveMutex {
 public:
  constexpr RecursiveMutex() noexcept = default;
  RecursiveMutex(const RecursiveMutex&) = delete;
  RecursiveMutex& operator=(const RecursiveMutex&) = delete;
  ~RecursiveMutex() = default;  // aborts while it is held

  // Any fiber or thread. May suspend, may migrate, unless the caller holds it. Never interrupted.
  void lock() UMCG_ACQUIRE();
  // Never suspends. True if the mutex is free or the caller's.
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
  void assert_held() const UMCG_ASSERT_CAPABILITY(this) { mutex_.assert_held(); }

 private:
  Mutex mutex_;
  std::size_t again_ = 0;  // locks beyond the first. The owner's
};

}  // namespace umcg::inline v0

#endif  // UMCG_RECURSIVE_MUTEX_H_
