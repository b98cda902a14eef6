// SPDX-License-Identifier: Apache-2.0
// this_fiber.h - what a fiber can ask and do about itself. All of it works on a plain thread too.
#ifndef UMCG_THIS_FIBER_H_
#define UMCG_THIS_FIBER_H_

#include <chrono>
#include <stop_token>
#include <string_view>

#include "umcg/fiber.h"
#include "umcg/internal/config.h"
#include "umcg/wait.h"

namespace umcg::inline v0::this_fiber {

// Whether the caller is a fiber.
UMCG_API bool in_fiber() noexcept;
// FiberId() on a plain thread.
UMCG_API FiberId get_id() noexcept;
// The name given to spawn(), "" if none. Valid while the fiber lives.
UMCG_API std::string_view get_name() noexcept;
// A token of which no stop can be asked on a plain thread.
UMCG_API std::stop_token get_stop_token();

// Lets the other ready fibers of this server run first. May suspend, may migrate.
UMCG_API void yield();

// Waits until the deadline: kTimeout, or kStopped if a stop was asked first. May suspend, may
// migrate. Not early, and late by the time it takes to get a server.
UMCG_API WaitStatus sleep_until(Deadline deadline, std::stop_token stop);

template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> d) {
  (void)sleep_until(Deadline(d), std::stop_token());
}
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t) {
  (void)sleep_until(Deadline(t), std::stop_token());
}

// Keeps the fiber on its OS thread over a section: for code that is bound to the thread by
// thread_local state or by a recursive, shared or PI mutex.
//
//     umcg::this_fiber::ThreadPin pin;
//     std::lock_guard lock(recursive_mutex);
//     auto item = channel.recv();  // blocks this thread; the server goes on with another one
//
// A wait inside it blocks the thread and hands the server over at once, at the price of a thread
// switch. Pins nest. The destructor may suspend and migrate. On a plain thread it does nothing.
class UMCG_API ThreadPin {
 public:
  ThreadPin() noexcept;
  ~ThreadPin();
  ThreadPin(const ThreadPin&) = delete;
  ThreadPin& operator=(const ThreadPin&) = delete;
};

}  // namespace umcg::inline v0::this_fiber

#endif  // UMCG_THIS_FIBER_H_
