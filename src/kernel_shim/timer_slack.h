// SPDX-License-Identifier: Apache-2.0
// timer_slack.h - how late the kernel may end a thread's timed waits so as to end several at once:
// 50 us, unless the thread has asked for less.
#ifndef UMCG_KERNEL_SHIM_TIMER_SLACK_H_
#define UMCG_KERNEL_SHIM_TIMER_SLACK_H_

#include <sys/prctl.h>

namespace umcg::inline v0::internal::shim {

// Of the calling thread, ns; inherited by the threads that it starts.
inline int timer_slack() noexcept { return ::prctl(PR_GET_TIMERSLACK); }
inline void set_timer_slack(int ns) noexcept {
  if (ns > 0) (void)::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(ns));
}

// For a thread that runs no user code: what that starts would inherit it.
inline void shorten_timer_slack() noexcept { set_timer_slack(1'000); }

// For any thread, as long as this lives. 0.2 us.
class ShortTimerSlack {
 public:
  ShortTimerSlack() noexcept : before_(timer_slack()) { shorten_timer_slack(); }
  ~ShortTimerSlack() { set_timer_slack(before_); }
  ShortTimerSlack(const ShortTimerSlack&) = delete;
  ShortTimerSlack& operator=(const ShortTimerSlack&) = delete;

 private:
  const int before_;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TIMER_SLACK_H_
