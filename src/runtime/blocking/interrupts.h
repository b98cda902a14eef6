// SPDX-License-Identifier: Apache-2.0
// interrupts.h - Interrupts: the signals by which request_stop() ends a blocking system call.
//
// A signal whose handler does nothing and that was installed without SA_RESTART makes the call
// return EINTR. One is not enough: it may arrive just before the call, which then blocks. So while
// the function has not returned, the signal is sent again each millisecond, by the monitor.
//
// The signal is of the real-time range, the last whose disposition nobody has changed; rather one
// that is not blocked, as those are that somebody waits for. At the end the thread blocks it, takes
// itself off the list, under the lock under which signals are sent, and takes back what is pending:
// nothing arrives later, in somebody else's call. Of nested calls the outermost does that, and
// gives the thread back the mask that it had.
#ifndef UMCG_RUNTIME_BLOCKING_INTERRUPTS_H_
#define UMCG_RUNTIME_BLOCKING_INTERRUPTS_H_

#include <sys/types.h>

#include <atomic>
#include <mutex>

namespace umcg::inline v0::internal {

// One call of interruptible(). On its stack.
struct Interruptible {
  pid_t thread = 0;
  bool nested = false;       // in another call on the same thread, whose end is the end
  bool was_blocked = false;  // the signal, before
  bool stopped = false;      // under the list's lock, like the links
  Interruptible* next = nullptr;
  Interruptible** link = nullptr;
};

class Interrupts {
 public:
  // The thread itself.
  void add(Interruptible& call) noexcept;
  void remove(Interruptible& call) noexcept;
  // Anybody while the call is in the list: sends the signal, now and again.
  void stop(Interruptible& call) noexcept;

  // The monitor: sends it again. True if there is anything to send again.
  bool repeat() noexcept;
  // Its last look before a sleep; seq_cst, as is stop()'s count.
  bool any() const noexcept { return stopped_.load(std::memory_order_seq_cst) != 0; }

 private:
  std::mutex lock_;
  Interruptible* first_ = nullptr;    // under lock_
  std::atomic<unsigned> stopped_{0};  // how many of them are stopped
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BLOCKING_INTERRUPTS_H_
