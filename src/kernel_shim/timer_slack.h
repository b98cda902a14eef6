// SPDX-License-Identifier: Apache-2.0
// timer_slack.h - how late the kernel may end a thread's timed waits so as to end several at once:
// 50 us, unless the thread has asked for less.
#ifndef UMCG_KERNEL_SHIM_TIMER_SLACK_H_
#define UMCG_KERNEL_SHIM_TIMER_SLACK_H_

#include <sys/prctl.h>

namespace umcg::inline v0::internal::shim {

// For a thread that runs no user code: what that starts would inherit it.
inline void shorten_timer_slack() noexcept { (void)::prctl(PR_SET_TIMERSLACK, 1'000UL); }  // ns

// For any thread, as long as this lives. 0.2 us.
class ShortTimerSlack {
 public:
  ShortTimerSlack() noexcept : before_(::prctl(PR_GET_TIMERSLACK)) { shorten_timer_slack(); }
  ~ShortTimerSlack() {
    if (before_ > 0) (void)::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_));
  }
  ShortTimerSlack(const ShortTimerSlack&) = delete;
  ShortTimerSlack& operator=(const ShortTimerSlack&) = delete;

 private:
  const int before_;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TIMER_SLACK_H_
