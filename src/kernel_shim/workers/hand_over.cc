// SPDX-License-Identifier: Apache-2.0
// hand_over.cc - the server/worker protocol.
//
// A server that calls run_worker() marks itself SERVING and puts itself into the word of a RUNNABLE
// worker, which is RUNNING by that. From then on the server is not the server thread's any more: it
// is in the word. Whoever takes the worker out of RUNNING, by one compare-and-swap, has it in hand,
// and either gives it back (the server's thread becomes PROCESSING and is woken) or, in a swap,
// puts it into another worker's word. So a server is in one place at any time: with its own thread,
// in one worker's word, or in one hand. That is "at most one RUNNING worker for each server".
//
// Everybody sleeps on his own task (task.h), and looks at his own word when he wakes. A wake-up of
// a task is only a reason to look; it may come too late, or too often. They are given by tid, so
// that one which comes after the end of a member reaches nobody.
//
// The races that matter:
//
//   Two servers run one worker; a server runs it and it gives up its wait; a swap chooses it. All
//   leave RUNNABLE by a compare-and-swap on the same word, and one of them does.
//
//   The worker blocks, and comes back. The watcher wants RUNNING -> BLOCKED, the worker goes on. If
//   it calls us it says INSIDE first, in the same word: either the watcher was faster, then it
//   finds itself BLOCKED and asks for a server; or the watcher's compare-and-swap fails.
//
//   A wake-up against a deadline or a signal: as in wait_wake.h. RUNNABLE + IN_WAIT -> UNBLOCKED is
//   one transition, made by a waker or by the worker itself. Either way it stands in the queue, and
//   returns when a server has run it; only what it returns differs.
//
//   A worker is run between its own change to RUNNABLE + IN_WAIT and its sleep. It finds itself
//   RUNNING and does not sleep. The server that it had, and is about to give back, is in its hand,
//   not in its word.
//
//   swap. The next worker must be RUNNING after the caller is not, or there were two of one server;
//   and it must be certain before the caller stops, or the caller stops for nothing. So it is first
//   LOCKED, which keeps all others away from it; then the caller becomes RUNNABLE + IN_WAIT; then
//   the next one RUNNING. If its thread ends in between the server goes back with "it has ended",
//   as if that had happened a moment later.
//
//   A swap to a worker that is RUNNABLE but does not wait: it was polled, or preempted, or its
//   block is over and it runs to its next wait without a server. It may have looked for what the
//   swapper has sent it before that came, and be about to wait. So the wake-up is queued, as
//   umcg_wake() has it; being run answers none.
//
//   A signal handler interrupts us and calls umcg_wake(), or we are trapped: what is INSIDE is left
//   alone, and whatever a waker touches takes no lock.
//
// Memory order: as in wait_wake.h, each change of a word by another thread is acq_rel, so that what
// a server did happens before its worker runs on, and what a worker did before it lost or gave back
// its server happens before the return of run_worker(). Changes to RUNNING are followed by a look
// whether the watcher sleeps; they are seq_cst, as is the watcher's part.
#include "kernel_shim/workers/hand_over.h"

#include <cerrno>

#include "kernel_shim/workers/worker_steps.h"

namespace umcg::inline v0::internal::shim {
namespace {

// Puts a server into the word of a worker that has been RUNNABLE, or LOCKED by the caller.
std::uint64_t running_with(std::uint64_t word, std::uint32_t server) noexcept {
  return with_server(without(with_state(word, UMCG_TASK_RUNNING), kInWait | kLocked | kPreempted),
                     server);
}

// The caller waits, and the server that it had goes to `next`, which the caller has LOCKED; or back
// to its thread if the worker `next` has ended.
umcg_tid pass_server_on(std::uint32_t server, Member& next, umcg_tid next_tid) noexcept {
  std::uint64_t word = next.word.load(std::memory_order_acquire);
  while (is_of(word, next_tid)) {
    if (change(next, &word, running_with(word, server))) {
      group_of(next).watcher.wake_if_asleep();
      return task_part(next_tid);
    }
  }
  return release_server(server, 0);
}

// The caller had chosen it, and does not stop after all: it is woken, no more.
void unlock_and_wake(Member& next, umcg_tid next_tid) noexcept {
  std::uint64_t word = next.word.load(std::memory_order_acquire);
  while (is_of(word, next_tid)) {
    const std::uint64_t to =
        without(with_state(word, UMCG_TASK_UNBLOCKED), kInWait | kLocked | kPreempted);
    if (change(next, &word, to)) return push(next);
  }
}

// RUNNABLE -> RUNNABLE + LOCKED, if it is a worker of the same group that can be run now. One that
// does not wait has the wake-up queued; if one is queued already, nullptr, and wake_member() says
// so.
Member* lock_for_swap(const Member& self, umcg_tid tid) noexcept {
  if (!is_member(tid)) return nullptr;
  Member* const next = find_member(tid);
  if (next == nullptr || next->group.load(std::memory_order_relaxed) != &group_of(self)) {
    return nullptr;
  }
  std::uint64_t word = next->word.load(std::memory_order_acquire);
  while (is_of(word, tid) && member_state(word) == UMCG_TASK_RUNNABLE && !has(word, kLocked)) {
    const bool in_wait = has(word, kInWait);
    if (!in_wait && has(word, kWakeupQueued)) break;
    if (change(*next, &word, word | kLocked | (in_wait ? 0 : kWakeupQueued))) return next;
  }
  return nullptr;
}

// Self is RUNNING and INSIDE. `locked`, if not nullptr, gets the server.
int wait_with(Member& self, Member* locked, umcg_tid next, std::int64_t deadline_ns) noexcept {
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  for (;;) {
    if (has(word, kWakeupQueued)) {
      if (!change(self, &word, without(word, kWakeupQueued))) continue;
      if (locked != nullptr) unlock_and_wake(*locked, next);
      return 0;
    }
    const std::uint32_t server = server_of(word);
    const std::uint64_t to = without(with_state(word, UMCG_TASK_RUNNABLE), kPreempted) | kInWait;
    if (!change(self, &word, with_server(to, 0))) continue;
    const umcg_tid wake_first = locked != nullptr ? pass_server_on(server, *locked, next)
                                                  : release_server(server, tid_of(self));
    return sleep_until_run(self, wake_first, deadline_ns);
  }
}

}  // namespace

int poll_worker(Member& self, bool nowait, umcg_tid* worker) noexcept {
  Group& group = group_of(self);
  const std::uint64_t processing = self.word.load(std::memory_order_relaxed);
  if (member_state(processing) != UMCG_TASK_PROCESSING) return -EINVAL;
  self.word.store(with_state(processing, UMCG_TASK_POLLING), std::memory_order_release);
  int result = 0;
  for (bool found = false; !found && result == 0;) {
    Member* const next = nowait ? group.queue.try_pop() : group.queue.pop();
    if (next == nullptr) {
      result = nowait ? -EAGAIN : -EINTR;
      break;
    }
    *worker = tid_of(*next);
    std::uint64_t word = next->word.load(std::memory_order_acquire);
    while (member_state(word) != UMCG_TASK_NONE && !found) {
      found = change(*next, &word, with_state(word, UMCG_TASK_RUNNABLE));
    }
    if (!found) release_ended(*next);
  }
  self.word.store(processing, std::memory_order_release);
  return result;
}

int run_worker(Member& self, umcg_tid next, umcg_tid* last) noexcept {
  if (!is_member(next)) return -EINVAL;
  Member* const worker = find_member(next);
  if (worker == nullptr) return -ESRCH;
  const std::uint64_t processing = self.word.load(std::memory_order_relaxed);
  if (member_state(processing) != UMCG_TASK_PROCESSING) return -EINVAL;
  const bool same_group = worker->group.load(std::memory_order_relaxed) == &group_of(self);

  // Before it can be in a word, since from there it may come back at once.
  self.word.store(with_state(processing, UMCG_TASK_SERVING), std::memory_order_release);
  int error = 0;
  std::uint64_t word = worker->word.load(std::memory_order_acquire);
  do {
    if (!is_of(word, next)) {
      error = -ESRCH;
    } else if (is_server(word) || !same_group) {
      error = -EINVAL;
    } else if (member_state(word) != UMCG_TASK_RUNNABLE || has(word, kLocked)) {
      error = -EAGAIN;
    }
  } while (error == 0 && !change(*worker, &word, running_with(word, index_of(self))));
  if (error != 0) {
    self.word.store(processing, std::memory_order_release);
    return error;
  }
  group_of(self).watcher.wake_if_asleep();

  const umcg_tid task = task_part(next);
  // -EAGAIN: it has a reason to look already. -ESRCH: it has ended.
  (void)swap(*self.task, task, kNever);
  // acquire: pairs with the release in release_server().
  while (member_state(self.word.load(std::memory_order_acquire)) == UMCG_TASK_SERVING) {
    (void)wait(*self.task, kNever);
  }
  *last = self.returned.load(std::memory_order_relaxed);
  return 0;
}

int worker_wait(Member& self, std::int64_t deadline_ns) noexcept {
  if (!is_worker(self.word.load(std::memory_order_relaxed)) || !enter(self)) return -EINVAL;
  have_server(self);
  const int result = wait_with(self, nullptr, 0, deadline_ns);
  leave(self);
  return result;
}

int worker_swap(Member& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  if (next == tid_of(self)) return -EINVAL;
  if (!is_worker(self.word.load(std::memory_order_relaxed)) || !enter(self)) return -EINVAL;
  have_server(self);
  Member* const locked = lock_for_swap(self, next);
  int result = 0;
  if (locked == nullptr) result = is_member(next) ? wake_member(next) : wake(next);
  if (result == 0) result = wait_with(self, locked, next, deadline_ns);
  leave(self);
  return result;
}

int wake_member(umcg_tid next) noexcept {
  Member* const member = find_member(next);
  if (member == nullptr) return -ESRCH;
  std::uint64_t word = member->word.load(std::memory_order_acquire);
  for (;;) {
    if (!is_of(word, next)) return -ESRCH;
    if (is_server(word)) return -EINVAL;
    const bool in_wait = has(word, kInWait) && !has(word, kLocked);
    // A second wake-up writes the word too; see wait_wake.h.
    const std::uint64_t to =
        in_wait ? without(with_state(word, UMCG_TASK_UNBLOCKED), kInWait) : word | kWakeupQueued;
    if (!change(*member, &word, to)) continue;
    if (in_wait) {
      push(*member);
    } else if (has(word, kWakeupQueued)) {
      return -EAGAIN;
    }
    return 0;
  }
}

int get_member_state(umcg_tid tid, std::uint32_t* state) noexcept {
  const Member* const member = find_member(tid);
  if (member == nullptr) return -ESRCH;
  const std::uint64_t word = member->word.load(std::memory_order_acquire);
  if (!is_of(word, tid)) return -ESRCH;
  *state = public_state(word);
  return 0;
}

int preempt_worker(umcg_tid tid) noexcept {
  if (!is_member(tid)) return -EINVAL;
  Member* const worker = find_member(tid);
  if (worker == nullptr) return -ESRCH;
  const pid_t thread = worker->thread.load(std::memory_order_relaxed);
  const Group* const group = worker->group.load(std::memory_order_relaxed);
  std::uint64_t word = worker->word.load(std::memory_order_acquire);
  do {
    if (!is_of(word, tid)) return -ESRCH;
    if (is_server(word) || !group->preempts()) return -EINVAL;
    if (member_state(word) != UMCG_TASK_RUNNING || has(word, kPreempted)) return -EAGAIN;
  } while (!change(*worker, &word, word | kPreempted));
  // Inside, it sees for itself on the way out.
  if (has(word, kInside)) return 0;
  if (!user_code_traps_work() || !worker->preempt_trap.set_in_user_code(thread)) {
    send_trap_signal(thread);
  }
  return 0;
}

Inside::Inside(Member* self) noexcept
    : self_(self != nullptr && is_worker(self->word.load(std::memory_order_relaxed)) && enter(*self)
                ? self
                : nullptr) {}

Inside::~Inside() {
  if (self_ != nullptr) leave(*self_);
}

void on_trap() noexcept {
  Member* const self = registered_member();
  if (self == nullptr || !is_worker(self->word.load(std::memory_order_relaxed))) return;
  self->block_trap.clear();
  self->preempt_trap.clear();
  if (!enter(*self)) return;  // the function that it is in sees to everything
  if (group_of(*self).parks()) have_server(*self);
  leave(*self);
}

}  // namespace umcg::inline v0::internal::shim
