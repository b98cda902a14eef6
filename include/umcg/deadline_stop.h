// SPDX-License-Identifier: Apache-2.0
// deadline_stop.h - DeadlineStop: a stop that comes by itself at a deadline.
//
//     umcg::DeadlineStop limit(200ms);
//     std::stop_callback cancel(limit.get_token(), [&] { sqlite3_interrupt(db); });
//     umcg::blocking([&] { return sqlite3_step(query); });
//
// Waits of umcg take a Deadline themselves and need no such thing. It is for what knows stop tokens
// only: foreign functions that a callback must cancel. The callbacks run on a fiber of the current
// runtime, not inside its timers, because they may take long or block (PQcancel opens a
// connection). Like all stop callbacks they must not call what may suspend. Costs one fiber while
// it lives if there is a deadline, and one allocation.
#ifndef UMCG_DEADLINE_STOP_H_
#define UMCG_DEADLINE_STOP_H_

#include <optional>
#include <stop_token>

#include "umcg/event.h"
#include "umcg/fiber.h"
#include "umcg/internal/config.h"
#include "umcg/this_fiber.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API DeadlineStop {
 public:
  // On a fiber, or on a thread that has entered a runtime if there is a deadline. A stop of the
  // parent, by default of the fiber itself, is passed on at once, where it is requested.
  explicit DeadlineStop(Deadline deadline, std::stop_token parent = this_fiber::get_stop_token());
  DeadlineStop(const DeadlineStop&) = delete;
  DeadlineStop& operator=(const DeadlineStop&) = delete;
  // No stop comes after it: waits for callbacks that run just now. May suspend, may migrate.
  ~DeadlineStop();

  // Any fiber or thread. Runs the callbacks here. False if a stop was requested before.
  bool request_stop() noexcept;
  bool stop_requested() const noexcept { return source_.stop_requested(); }
  std::stop_token get_token() const noexcept { return source_.get_token(); }

 private:
  friend class Scope;
  struct Forward {
    DeadlineStop* to;
    void operator()() const noexcept { to->request_stop(); }
  };

  std::stop_source source_;
  Event over_;
  Fiber<> watch_;
  std::optional<std::stop_callback<Forward>> parent_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_DEADLINE_STOP_H_
