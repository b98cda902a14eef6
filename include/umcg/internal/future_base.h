// SPDX-License-Identifier: Apache-2.0
// future_base.h - what Future and SharedFuture have in common.
#ifndef UMCG_INTERNAL_FUTURE_BASE_H_
#define UMCG_INTERNAL_FUTURE_BASE_H_

#include <chrono>
#include <future>  // std::future_status
#include <stop_token>
#include <utility>

#include "umcg/internal/future_state.h"
#include "umcg/internal/select_case.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

// What can be asked of a result before it is taken. Without a state (default-made, moved from,
// after get()) all of it but valid() throws std::future_error: no_state.
template <class R>
class FutureBase {
 public:
  // Whether there is a result to come or to get.
  bool valid() const noexcept { return static_cast<bool>(state_); }
  // Never waits.
  bool is_ready() const { return state_.checked().is_ready(); }

  // Any fiber or thread. May suspend, may migrate. Woken by the promise.
  void wait() const { (void)state_.checked().wait(nullptr, Deadline()); }
  WaitStatus wait(std::stop_token stop, Deadline deadline = {}) const {
    return state_.checked().wait(&stop, deadline);
  }
  template <class Rep, class Period>
  std::future_status wait_for(std::chrono::duration<Rep, Period> d) const {
    return to_status(state_.checked().wait(nullptr, Deadline(d)));
  }
  template <class Clock, class Duration>
  std::future_status wait_until(std::chrono::time_point<Clock, Duration> t) const {
    return to_status(state_.checked().wait(nullptr, Deadline(t)));
  }

  // For select(): chosen when the result is there.
  SelectCase on_ready() const { return state_.checked().ready_case(); }

 protected:
  using State = StateRef<FutureValue<R>>;
  constexpr FutureBase() noexcept = default;
  explicit FutureBase(State state) noexcept : state_(std::move(state)) {}

  State state_;

 private:
  static std::future_status to_status(WaitStatus s) noexcept {
    return s == WaitStatus::kReady ? std::future_status::ready : std::future_status::timeout;
  }
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_FUTURE_BASE_H_
