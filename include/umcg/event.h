// SPDX-License-Identifier: Apache-2.0
// event.h - Event: a flag that fibers and threads can wait for.
//
//     umcg::Event ready;
//     auto f = umcg::spawn([&] { ready.wait(); use(); });
//     prepare(); ready.set();
//
// It stays set, and lets everybody through, until reset(). One word, constinit-able, never
// allocates. A waiter may destroy the event as soon as its wait() has returned, though set() may
// still be running. Memory order: set() happens before the return of every wait() that it lets
// through.
#ifndef UMCG_EVENT_H_
#define UMCG_EVENT_H_

#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/select_case.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API Event {
 public:
  constexpr Event() noexcept = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() = default;

  // Any fiber or thread. Never suspend. set() wakes all who wait; a second set() changes nothing.
  void set() noexcept;
  void reset() noexcept;
  bool is_set() const noexcept;

  // Any fiber or thread. May suspend, may migrate. Returns at once if the event is set.
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

  // For select(): chosen when the event is set. One that is set and reset at once may be missed.
  SelectCase on_set() noexcept;

 private:
  internal::WaitQueue queue_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_EVENT_H_
