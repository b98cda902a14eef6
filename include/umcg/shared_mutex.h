// SPDX-License-Identifier: Apache-2.0
// shared_mutex.h - SharedMutex: one writer or many readers, fibers and plain threads in any mix.
//
//     umcg::SharedMutex m;
//     { std::shared_lock lock(m); look_up(table); }
//     { std::scoped_lock lock(m); table.insert(entry); }
//
// As std::shared_timed_mutex. Use it where readers hold the lock for long, over a wait say; for a
// few instructions a Mutex is faster. Not recursive, neither way, and a reader does not become a
// writer: a reader that locks again waits for ever if a writer has come in between. Only the writer
// may unlock(). Who reads is not recorded.
//
// Fairness: neither side starves. Readers queue up behind a waiting writer; when a writer unlocks,
// all readers that wait by then go next, together. They, and a writer after the last reader, are
// woken to try: until then the free lock goes to whoever comes. One that has lost in this way is
// handed the lock: a reader after that one writer, a writer after that writer or those readers and
// at most one more lot of readers. Two words, constinit-able, never
// allocates; destroying it while it is held or awaited aborts. Memory order: each unlock happens
// before the locks that could not have succeeded without it.
#ifndef UMCG_SHARED_MUTEX_H_
#define UMCG_SHARED_MUTEX_H_

#include <atomic>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/thread_annotations.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API UMCG_CAPABILITY("shared mutex") SharedMutex {
 public:
  constexpr SharedMutex() noexcept = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  ~SharedMutex() {
    if (state_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      report_in_use();
  }

  // --- for a writer ---

  // Any fiber or thread. May suspend, may migrate. Woken by unlock() or the last unlock_shared().
  // Never interrupted.
  void lock() UMCG_ACQUIRE();
  // Never suspends. False if anybody holds the lock.
  bool try_lock() noexcept UMCG_TRY_ACQUIRE(true);
  // The writer only. Never suspends.
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

  // For readers: the same.
  void lock_shared() UMCG_ACQUIRE_SHARED();
  // False too if a writer waits.
  bool try_lock_shared() noexcept UMCG_TRY_ACQUIRE_SHARED(true);
  void unlock_shared() UMCG_RELEASE_SHARED();
  WaitStatus lock_shared(std::stop_token stop, Deadline deadline = {});

  template <class Rep, class Period>
  bool try_lock_shared_for(std::chrono::duration<Rep, Period> d) UMCG_TRY_ACQUIRE_SHARED(true) {
    return lock_shared(std::stop_token(), Deadline(d)) == WaitStatus::kReady;
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> t)
      UMCG_TRY_ACQUIRE_SHARED(true) {
    return lock_shared(std::stop_token(), Deadline(t)) == WaitStatus::kReady;
  }

  // Aborts unless the caller is the writer; unless somebody reads.
  void assert_held() const UMCG_ASSERT_CAPABILITY(this);
  void assert_shared() const UMCG_ASSERT_SHARED_CAPABILITY(this);

 private:
  [[gnu::cold]] void report_in_use() const noexcept;

  // Free, the writer's token, or the number of readers; and the "somebody waits" bit.
  std::atomic<std::uintptr_t> state_{0};
  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_SHARED_MUTEX_H_
