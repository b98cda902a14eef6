// SPDX-License-Identifier: Apache-2.0
// condition_variable.h - ConditionVariable: wait under a lock until somebody notifies.
//
// As std::condition_variable_any: works with any lock that has lock() and unlock(), that is
// std::unique_lock<umcg::Mutex>, but also std::unique_lock<std::mutex>. Fibers and plain threads
// may wait on and notify the same object.
//
//     std::unique_lock lock(m);
//     cv.wait(lock, [&] { return !queue.empty(); });
//
// There are no spurious wake-ups, yet a predicate is still the way to write it: between the
// notification and the re-lock another fiber may have changed what it spoke of. A notification
// given under or after the lock is never lost. One word, constinit-able, never allocates. May be
// destroyed once every waiter has been notified, though they have not returned yet (as std).
#ifndef UMCG_CONDITION_VARIABLE_H_
#define UMCG_CONDITION_VARIABLE_H_

#include <concepts>
#include <condition_variable>  // std::cv_status
#include <stop_token>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API ConditionVariable {
 public:
  constexpr ConditionVariable() noexcept = default;
  ConditionVariable(const ConditionVariable&) = delete;
  ConditionVariable& operator=(const ConditionVariable&) = delete;
  ~ConditionVariable() = default;

  // Any fiber or thread, with or without the lock. Never suspend. Wake in the order of arrival.
  void notify_one() noexcept;
  void notify_all() noexcept;

  // Unlocks, waits, locks again. May suspend, may migrate. Throws what lock.lock() and
  // lock.unlock() throw.
  template <class Lock>
  void wait(Lock& lock) {
    (void)wait(lock, std::stop_token(), Deadline());
  }
  template <class Lock, class Predicate>
  requires std::predicate<Predicate&>
  void wait(Lock& lock, Predicate pred) {
    while (!pred()) wait(lock);
  }

  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> d) {
    return to_cv_status(wait(lock, std::stop_token(), Deadline(d)));
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> d, Predicate pred) {
    return wait(lock, std::move(pred), std::stop_token(), Deadline(d)) == WaitStatus::kReady;
  }
  template <class Lock, class Clock, class Duration>
  std::cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> t) {
    return to_cv_status(wait(lock, std::stop_token(), Deadline(t)));
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> t, Predicate pred) {
    return wait(lock, std::move(pred), std::stop_token(), Deadline(t)) == WaitStatus::kReady;
  }

  // The interruptible form. The lock is held again on return, whatever the status.
  template <class Lock>
  WaitStatus wait(Lock& lock, std::stop_token stop, Deadline deadline = {}) {
    return wait_any(
        &lock, [](void* l) { static_cast<Lock*>(l)->unlock(); },
        [](void* l) { static_cast<Lock*>(l)->lock(); }, stop, deadline);
  }
  // kReady means that the predicate holds.
  template <class Lock, class Predicate>
  requires std::predicate<Predicate&> WaitStatus wait(Lock& lock, Predicate pred,
                                                      std::stop_token stop,
                                                      Deadline deadline = {}) {
    WaitStatus status = WaitStatus::kReady;
    while (!pred()) {
      if (status != WaitStatus::kReady) return status;
      status = wait(lock, stop, deadline);
    }
    return WaitStatus::kReady;
  }

 private:
  static std::cv_status to_cv_status(WaitStatus s) noexcept {
    return s == WaitStatus::kTimeout ? std::cv_status::timeout : std::cv_status::no_timeout;
  }
  WaitStatus wait_any(void* lock, void (*unlock)(void*), void (*relock)(void*),
                      const std::stop_token& stop, Deadline deadline);

  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_CONDITION_VARIABLE_H_
