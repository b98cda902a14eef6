// SPDX-License-Identifier: Apache-2.0
// semaphore.h - Semaphore: a number of permits that fibers and threads take and give back.
//
//     umcg::Semaphore slots(16);
//     slots.acquire(); query(); slots.release();
//
// As std::counting_semaphore, plus taking and giving several permits at once. Waiters are served
// strictly in the order of arrival, a large request is not passed by small ones, and permits go
// directly to them. Two words, constinit-able, never allocates. A waiter may destroy the semaphore
// as soon as its acquire() has returned. Memory order: release() happens before the acquire() that
// it satisfies.
#ifndef UMCG_SEMAPHORE_H_
#define UMCG_SEMAPHORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/select_case.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API Semaphore {
 public:
  // So many permits are free at first.
  constexpr explicit Semaphore(std::ptrdiff_t permits) noexcept
      : state_(static_cast<std::int64_t>(permits) * 2) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() = default;

  static constexpr std::ptrdiff_t max() noexcept { return PTRDIFF_MAX / 4; }

  // Any fiber or thread. May suspend, may migrate. 0 <= n <= max(). Woken by release().
  void acquire(std::ptrdiff_t n = 1);
  WaitStatus acquire(std::stop_token stop, Deadline deadline = {}, std::ptrdiff_t n = 1);
  // Never suspends. False if fewer than n permits are free or somebody waits already.
  bool try_acquire(std::ptrdiff_t n = 1) noexcept;

  template <class Rep, class Period>
  bool try_acquire_for(std::chrono::duration<Rep, Period> d, std::ptrdiff_t n = 1) {
    return acquire(std::stop_token(), Deadline(d), n) == WaitStatus::kReady;
  }
  template <class Clock, class Duration>
  bool try_acquire_until(std::chrono::time_point<Clock, Duration> t, std::ptrdiff_t n = 1) {
    return acquire(std::stop_token(), Deadline(t), n) == WaitStatus::kReady;
  }

  // For select(): n permits are the caller's when it is chosen.
  SelectCase on_acquire(std::ptrdiff_t n = 1) noexcept;

  // Any fiber or thread. Never suspends. More than max() permits in all aborts.
  void release(std::ptrdiff_t n = 1) noexcept;

 private:
  struct Case;

  std::atomic<std::int64_t> state_;  // see semaphore.cc
  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_SEMAPHORE_H_
