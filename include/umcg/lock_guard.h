// SPDX-License-Identifier: Apache-2.0
// lock_guard.h - LockGuard, SharedLockGuard: a lock held over a scope, in a way that clang sees.
//
//     umcg::Mutex mutex;
//     int balance UMCG_GUARDED_BY(mutex) = 0;
//     void pay(int n) { umcg::LockGuard guard(mutex); balance += n; }
//
// The standard library's guards do the same, and more, and work with every lock of umcg. But they
// carry no annotations: under clang's -Wthread-safety code that uses them looks as if it held
// nothing. Use these where data is marked with the macros of umcg/internal/thread_annotations.h.
#ifndef UMCG_LOCK_GUARD_H_
#define UMCG_LOCK_GUARD_H_

#include <mutex>  // std::adopt_lock_t

#include "umcg/internal/config.h"
#include "umcg/internal/thread_annotations.h"

namespace umcg::inline v0 {

// lock() to unlock(). Any fiber or thread; may suspend, may migrate, as the lock's lock().
template <class Lockable>
class UMCG_SCOPED_CAPABILITY LockGuard {
 public:
  // lock().
  explicit LockGuard(Lockable& lock) UMCG_ACQUIRE(lock) : lock_(lock) { lock.lock(); }
  // Takes over a lock that is held.
  LockGuard(Lockable& lock, std::adopt_lock_t /*held*/) UMCG_REQUIRES(lock) : lock_(lock) {}
  ~LockGuard() UMCG_RELEASE() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lockable& lock_;
};

// lock_shared() to unlock_shared().
template <class Lockable>
class UMCG_SCOPED_CAPABILITY SharedLockGuard {
 public:
  // lock_shared().
  explicit SharedLockGuard(Lockable& lock) UMCG_ACQUIRE_SHARED(lock) : lock_(lock) {
    lock.lock_shared();
  }
  // Takes over a lock that is held.
  SharedLockGuard(Lockable& lock, std::adopt_lock_t /*held*/) UMCG_REQUIRES_SHARED(lock)
      : lock_(lock) {}
  ~SharedLockGuard() UMCG_RELEASE_GENERIC() { lock_.unlock_shared(); }
  SharedLockGuard(const SharedLockGuard&) = delete;
  SharedLockGuard& operator=(const SharedLockGuard&) = delete;

 private:
  Lockable& lock_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_LOCK_GUARD_H_
