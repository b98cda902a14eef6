// SPDX-License-Identifier: Apache-2.0
// latch.h - Latch: wait until a fixed number of steps is done. For once; see Barrier for again and
// again, WaitGroup for a number that grows.
//
//     umcg::Latch ready(3);
//     for (int i = 0; i < 3; ++i) umcg::post([&] { prepare(); ready.count_down(); });
//     ready.wait();
//
// As std::latch. Two words, constinit-able, never allocates. A waiter may destroy the latch as soon
// as its wait() has returned, though count_down() may still be running. All waiters are woken at
// once. Memory order: each count_down() happens before the return of wait().
#ifndef UMCG_LATCH_H_
#define UMCG_LATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API Latch {
 public:
  // So many count_down() open it.
  constexpr explicit Latch(std::ptrdiff_t expected) noexcept
      : left_(expected), queue_(expected == 0 ? internal::kQueueFlag : 0) {}
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;
  ~Latch() = default;

  static constexpr std::ptrdiff_t max() noexcept { return PTRDIFF_MAX; }

  // Any fiber or thread. Never suspends. A count below zero aborts.
  void count_down(std::ptrdiff_t n = 1) noexcept;
  // Never suspends. Whether the count is zero.
  bool try_wait() const noexcept;

  // Any fiber or thread. May suspend, may migrate. Woken by the last count_down().
  void wait() const;
  void arrive_and_wait(std::ptrdiff_t n = 1);
  WaitStatus wait(std::stop_token stop, Deadline deadline = {}) const;

  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> d) const {
    return wait(std::stop_token(), Deadline(d)) == WaitStatus::kReady;
  }
  template <class Clock, class Duration>
  bool wait_until(std::chrono::time_point<Clock, Duration> t) const {
    return wait(std::stop_token(), Deadline(t)) == WaitStatus::kReady;
  }

 private:
  std::atomic<std::ptrdiff_t> left_;
  mutable internal::WaitQueue queue_;  // the flag: all have counted down
};

}  // namespace umcg::inline v0

#endif  // UMCG_LATCH_H_
