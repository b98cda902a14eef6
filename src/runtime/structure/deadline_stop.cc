// SPDX-License-Identifier: Apache-2.0
// deadline_stop.cc - one fiber per deadline, which sleeps until it comes or the object goes.
//
// Rejected: a timer that runs the callbacks itself (they are user code, and a server would stand
// still in one that blocks, and every other timer with it); one fiber for all deadlines of a
// runtime (one slow callback delays everybody's).
#include "umcg/deadline_stop.h"

#include "runtime/fiber/stop_state.h"

namespace umcg::inline v0 {

DeadlineStop::DeadlineStop(Deadline deadline, std::stop_token parent) {
  if (!deadline.is_never()) {
    watch_ = spawn([this, deadline] {
      if (over_.wait(std::stop_token(), deadline) == WaitStatus::kTimeout) request_stop();
    });
  }
  if (parent.stop_possible()) parent_.emplace(std::move(parent), Forward{this});
}

DeadlineStop::~DeadlineStop() {
  parent_.reset();
  over_.set();
  if (watch_.joinable()) watch_.join();
}

bool DeadlineStop::request_stop() noexcept { return internal::ask(source_); }

}  // namespace umcg::inline v0
