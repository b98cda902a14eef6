// SPDX-License-Identifier: Apache-2.0
// callers.h - Callers: the calls of one process that wait for something. One sleeps for all.
//
// The *leader* sleeps in the kernel until somebody wakes the process's task; the others wait for
// their `turn`, an event, without a system call if they are fibers. So a lone caller is woken
// straight by the server, and many share one wake-up.
//
// What is waited for changes in two ways:
//
//   in shared memory   by the server, which then wakes the task. A wake-up that finds the task
//   awake
//                      is queued, and the next sleep takes it
//   in private memory  under the mutex, by a caller, who under the same mutex tells those that it
//                      concerns: sets their turn and, if it is the leader, wakes the task
//
// Who writes what, all under the mutex but the sleeps:
//
//   waiting_    its callers are between the two ends of wait(): put in and taken out by themselves
//   leader_     by one who waits and finds nobody there: itself. By the leader, when it leaves: the
//               oldest of those that wait, who is told; or nobody, if nobody waits
//   turn        reset by its owner before it sleeps, under the mutex; set by tell()
//
// Why no wake-up is lost:
//
//   If anybody waits there is a leader: one who waits makes himself leader or finds one, and the
//   leader is replaced in the same step in which it leaves.
//   The leader looks, under the mutex, after each sleep and before the first one. So what the
//   server wrote before a wake-up that the leader took is seen, and handed to whom it concerns,
//   before the leader sleeps again or leaves; what it writes later comes with another wake-up. One
//   who was named leader is not asleep for good: he was told. If he leaves instead, for whatever
//   reason, he leaves as the leader.
//   The others sleep from a look on that they made under the mutex; whoever changes what they look
//   at sets their turn after it. The leader may wait for a private change as well, such as a slot
//   that another caller puts back. tell() makes no difference between it and the others. (It did
//   once: a leader that waited for a slot slept on.)
//
// tests/models/rpc_calls.pml checks this, with the server's side.
//
// Rejected: a thread that sleeps for all (one more switch of threads for each call); naming the
// next leader by waking one of those that wait and hoping that it will lead (whether somebody leads
// is then a matter of all paths by which it may leave).
#ifndef UMCG_RPC_CALLERS_H_
#define UMCG_RPC_CALLERS_H_

#include <mutex>
#include <stop_token>

#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/shared_group.h"
#include "umcg/wait.h"

namespace umcg::inline v0::rpc {

// Wakes this process's own task.
class SelfWaker {
 public:
  SelfWaker(umcg_shared_task* task, umcg_shared_id self) : task_(task), self_(self) {}
  // Any thread, and stop callbacks: takes no lock.
  void operator()() const { (void)umcg_shared_wake(task_, 0, self_); }

 private:
  umcg_shared_task* task_;
  umcg_shared_id self_;
};

// One call, on its stack.
class Caller {
 public:
  Caller(const SelfWaker& waker, const std::stop_token& stop, Deadline deadline)
      : stop_(stop), deadline_(deadline), on_stop_(stop, waker) {}

  Deadline deadline() const { return deadline_; }

 private:
  friend class Callers;
  const std::stop_token& stop_;
  const Deadline deadline_;
  std::stop_callback<SelfWaker> on_stop_;  // the leader hears of it by the task
  Event turn_;
  Caller* previous_ = nullptr;
  Caller* next_ = nullptr;
};

class Callers {
 public:
  explicit Callers(const SelfWaker& waker) : waker_(waker) {}

  // Until done(). It is called under the lock, after each time that the caller was told or the task
  // was woken. sleep() is called without the lock: returns when the task was woken, or some time
  // after the deadline, or for no reason.
  template <class Done, class Sleep>
  WaitStatus wait(Caller& me, std::unique_lock<Mutex>& lock, const Done& done, const Sleep& sleep) {
    link(me);
    WaitStatus status = WaitStatus::kReady;
    while (!done() && (status = given_up(me)) == WaitStatus::kReady) {
      if (leader_ == nullptr) leader_ = &me;
      const bool leads = leader_ == &me;
      if (!leads) me.turn_.reset();
      lock.unlock();
      if (leads) {
        sleep();
      } else {
        (void)me.turn_.wait(me.stop_, me.deadline_);
      }
      lock.lock();
    }
    unlink(me);
    if (leader_ == &me) {
      leader_ = first_;
      if (leader_ != nullptr) leader_->turn_.set();
    }
    return status;
  }

  // Under the lock: look again.
  void tell(Caller& caller) const {
    caller.turn_.set();
    if (leader_ == &caller) waker_();
  }
  void tell_all() const {
    for (Caller* c = first_; c != nullptr; c = c->next_) tell(*c);
  }

  // Under the lock: the one that has waited longest of those that f() says yes to, or nullptr.
  template <class F>
  Caller* find(const F& f) const {
    Caller* c = first_;
    while (c != nullptr && !f(*c)) c = c->next_;
    return c;
  }

 private:
  static WaitStatus given_up(const Caller& me) {
    if (me.deadline_.has_passed()) return WaitStatus::kTimeout;
    return me.stop_.stop_requested() ? WaitStatus::kStopped : WaitStatus::kReady;
  }

  void link(Caller& me) {
    me.next_ = nullptr;
    me.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &me;
    last_ = &me;
  }
  void unlink(Caller& me) {
    (me.previous_ != nullptr ? me.previous_->next_ : first_) = me.next_;
    (me.next_ != nullptr ? me.next_->previous_ : last_) = me.previous_;
  }

  const SelfWaker waker_;
  Caller* leader_ = nullptr;
  Caller* first_ = nullptr;  // of those that wait
  Caller* last_ = nullptr;
};

}  // namespace umcg::inline v0::rpc

#endif  // UMCG_RPC_CALLERS_H_
