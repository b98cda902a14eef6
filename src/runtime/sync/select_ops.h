// SPDX-License-Identifier: Apache-2.0
// select_ops.h - SelectOps: what an object implements once to be waited for by select().
//
// A select tries its cases in random order. If none can be done it makes one waiter, puts one node
// of it into the queue of each object, and waits. The one claim decides (waiter.h). Then the node
// is taken out of every other queue, and the chosen case is completed.
//
// Alone and in public. While a select tries, nothing of it stands in any queue: nobody can claim
// it, so a case that claims one waiter on the other side needs that one claim only. As soon as its
// first node is queued the select is public: it may be given something at any moment. From then on
// until it is claimed it must not take anything, or it might end up with two things. So enqueue()
// never takes. If it finds that there is something to take it queues nothing and returns false; the
// select then claims itself, leaves all queues and tries again, alone. If that claim fails,
// somebody has given it something, and that is the select's choice.
//
// Two selects on one unbuffered channel need both claims at once: see channel_core.cc.
#ifndef UMCG_RUNTIME_SYNC_SELECT_OPS_H_
#define UMCG_RUNTIME_SYNC_SELECT_OPS_H_

#include "runtime/waiting/wait_queue.h"
#include "umcg/internal/select_case.h"

namespace umcg::inline v0::internal {

struct SelectOps {
  // Does the case if that needs no wait. The select is alone. What it throws comes out of select().
  bool (*try_now)(const SelectCase& c);
  // Queues the node, under the object's lock, or returns false: it may be had now, or shortly. A
  // node's waiter is a PublicWait; token and amount of the node are the object's.
  bool (*enqueue)(const SelectCase& c, WaitNode& node) noexcept;
  // Another case was chosen. Takes the node out if it is still queued, and passes through the
  // object's lock in any case. May be wanted for a node that was claimed with kRetry.
  void (*withdraw)(const SelectCase& c, WaitNode& node) noexcept;
  // This node's claim, with `code`, ended the wait. Settles (wait_queue.h) and does what is left to
  // do. False: it came to nothing, all is to be tried again.
  bool (*complete)(const SelectCase& c, WaitNode& node, Outcome code) noexcept;
};

// One wait of a select. What else its nodes may tell it.
class PublicWait : public Waiter {
 public:
  PublicWait() : Waiter(WaitReason::kSelect) {}
  // Ends the wait at the deadline, in the name of node `which`, unless there is an earlier one.
  void add_deadline(Deadline deadline, std::uint32_t which) noexcept {
    if (deadline >= earliest_) return;
    earliest_ = deadline;
    which_timed_ = which;
  }
  Outcome wait_for_all() {
    const Outcome outcome = Waiter::wait(nullptr, earliest_);
    return outcome == kTimedOut ? outcome_at(which_timed_, kTimedOut) : outcome;
  }

 private:
  Deadline earliest_;
  std::uint32_t which_timed_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SYNC_SELECT_OPS_H_
