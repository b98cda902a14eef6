// SPDX-License-Identifier: Apache-2.0
// once.h - OnceFlag, call_once(): a function that runs once, whoever comes first.
//
//     static constinit umcg::OnceFlag flag;
//     umcg::call_once(flag, [] { table = load(); });      // the others wait until it is loaded
//
// As std::once_flag and std::call_once: if the function throws, the exception goes to that caller,
// and the next one tries. The function may suspend; with std::call_once it must not. If it calls
// call_once() on the same flag it would wait for itself: that aborts and names the fiber. Two
// words, constinit-able, never allocates; once done it costs one load. Of those who wait, one is
// woken after a failure, all after success. Memory order: the successful call happens before every
// return of call_once().
#ifndef UMCG_ONCE_H_
#define UMCG_ONCE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/wait_queue.h"

namespace umcg::inline v0 {

class UMCG_API OnceFlag {
 public:
  constexpr OnceFlag() noexcept = default;
  OnceFlag(const OnceFlag&) = delete;
  OnceFlag& operator=(const OnceFlag&) = delete;
  ~OnceFlag() = default;

 private:
  template <class F, class... A>
  friend void call_once(OnceFlag& flag, F&& f, A&&... a);

  // One who runs the function, until it is told how that went.
  class Run {
   public:
    explicit Run(OnceFlag& flag) noexcept : flag_(flag) {}
    ~Run() { flag_.end(succeeded); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    bool succeeded = false;

   private:
    OnceFlag& flag_;
  };

  bool is_done() const noexcept {
    // Acquire pairs with the release of end().
    return (queue_.word.load(std::memory_order_acquire) & internal::kQueueFlag) != 0;
  }
  // Waits while another one runs the function. True: now the caller does.
  bool begin();
  void end(bool succeeded) noexcept;

  // Token of the one who runs it. Written under the queue's lock, read by reports.
  std::atomic<std::uintptr_t> runner_{0};
  internal::WaitQueue queue_;  // the flag: done
};

// Any fiber or thread. May suspend, may migrate, unless the function has run before.
template <class F, class... A>
void call_once(OnceFlag& flag, F&& f, A&&... a) {
  if (flag.is_done() || !flag.begin()) return;
  OnceFlag::Run run(flag);
  std::invoke(std::forward<F>(f), std::forward<A>(a)...);
  run.succeeded = true;
}

}  // namespace umcg::inline v0

#endif  // UMCG_ONCE_H_
