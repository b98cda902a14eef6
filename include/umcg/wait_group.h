// SPDX-License-Identifier: Apache-2.0
// wait_group.h - WaitGroup: wait until a changing number of jobs is done.
//
//     umcg::WaitGroup jobs;
//     for (auto& item : items) { jobs.add(); umcg::post([&] { work(item); jobs.done(); }); }
//     jobs.wait();
//
// add() must come before the wait() that is to count it. The group can be used again after wait()
// has returned. Two words, constinit-able, never allocates. A waiter may destroy the group as soon
// as its wait() has returned. Memory order: done() happens before the return of wait().
#ifndef UMCG_WAIT_GROUP_H_
#define UMCG_WAIT_GROUP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API WaitGroup {
 public:
  // As if count had been added.
  constexpr explicit WaitGroup(std::ptrdiff_t count = 0) noexcept
      : state_(static_cast<std::int64_t>(count) * 2) {}
  WaitGroup(const WaitGroup&) = delete;
  WaitGroup& operator=(const WaitGroup&) = delete;
  ~WaitGroup() = default;

  // Any fiber or thread. Never suspend. A count below zero aborts. The last done() wakes all who
  // wait.
  void add(std::ptrdiff_t n = 1) noexcept;
  void done() noexcept;

  // Any fiber or thread. May suspend, may migrate. Returns at once if the count is zero.
  void wait();
  WaitStatus wait(std::stop_token stop, Deadline deadline = {});

  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> d) {
    return wait(std::stop_token(), Deadline(d)) == WaitStatus::kReady;
  }
  template <class Clock, class Duration>
  bool wait_until(std::chrono::time_point<Clock, Duration> t) {
    return wait(std::stop_token(), Deadline(t)) == WaitStatus::kReady;
  }

 private:
  std::atomic<std::int64_t> state_;  // count * 2, plus 1 while somebody waits
  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_WAIT_GROUP_H_
