// SPDX-License-Identifier: Apache-2.0
// task.cc - the wait/wake/swap protocol.
//
// A task has one word, {generation:32, state:32}. Its lower half is what the owner's futex waits
// on, so the state is at once the condition and the thing slept on: there is no second flag that
// could disagree with it.
//
//   state             means                           left by               to
//   NONE              free                            acquire_task          RUNNING
//   RUNNING           the owner runs                  owner, prepare_wait   RUNNABLE
//                                                     a waker               RUNNING|QUEUED
//                                                     owner, release_task   NONE, next generation
//   RUNNING|QUEUED    it runs, its next wait is paid  owner, prepare_wait   RUNNING
//                                                     owner, release_task   NONE, next generation
//   RUNNABLE          it sleeps, or is about to       a waker               RUNNING
//                                                     owner, giving up      RUNNING
//
// All are compare-and-swaps but the owner's first and last. A wake-up is exactly one transition,
// and so is its consumption: RUNNABLE -> RUNNING is both in one; RUNNING -> RUNNING|QUEUED is the
// wake-up and prepare_wait() the consumption. Hence nothing can be lost or counted twice, and what
// remains is to see that nobody sleeps on after the transition that should have ended it.
//
// The races that matter:
//
//   Wake between check and sleep. The owner has written RUNNABLE and is not yet asleep when the
//   waker writes RUNNING and finds nobody to wake. The kernel compares the word under the lock of
//   the futex's bucket before it puts the owner to sleep: it differs, FUTEX_WAIT returns -EAGAIN.
//
//   Wake against a signal or a timeout (the review of the kernel patches: "What is this -EINTR
//   supposed to tell userspace?"). FUTEX_WAIT says -EINTR or -ETIMEDOUT, and a waker comes before
//   the owner has returned. What the kernel said decides nothing: the owner and the waker both try
//   to change RUNNABLE to RUNNING, and one of them does. If the owner, nobody woke it, it says so,
//   and it is RUNNING: the waker's retry queues the wake-up for the next wait. If the waker, the
//   wait returns 0. The patches had neither (the task stayed in a state from which waiting again
//   failed).
//
//   Wake of a task that has gone. Between a waker's look at the word and its exchange the task may
//   be released and its slot taken by another thread. The generation differs, the exchange fails,
//   the answer is -ESRCH. FUTEX_WAKE comes after the exchange and may hit the slot's next owner:
//   that one finds itself RUNNABLE still and sleeps on, as after any spurious return. Tasks are
//   never unmapped (task_table.cc), so the look itself is always safe.
//
//   A task that is woken, runs and waits again before its waker gets to FUTEX_WAKE: the same.
//
//   swap. The wake-up of `next` is complete before self begins to wait. next may wake self before
//   that: it finds RUNNING, queues, saves the system call, and self does not sleep at all. The
//   other order (self RUNNABLE first, as the patches have it) is right as well, but then each fast
//   answer costs a FUTEX_WAKE that finds nobody and a FUTEX_WAIT that returns -EAGAIN.
//
// Rejected:
//
//   A bool that says "in wait", set by the owner about itself (v0.1): the waker reads it, acts, and
//   leaves no mark; two wakers both think that they did it, and a failed switch leaves it set.
//   A counter, -1 asleep, 0 running, 1 queued, changed by fetch_add: as small, one instruction for
//   each side. But an addition cannot be refused: it hits the slot's next owner, a second wake-up
//   while one is queued must be undone (and is visible until it is), and a sleeper that gives up
//   must undo its own. With compare-and-swap what is not allowed does not happen.
//   Spinning while a wake-up is queued already (the patches' library): unbounded, and on one CPU it
//   keeps away the very task it waits for. The caller is told -EAGAIN.
//   A lock or a count of references on the task while it is woken: two atomic operations on the hot
//   path to protect against something that happens once in a thread's life.
//
// Memory order. The word has a single modification order, and every decision above is a read-
// modify-write on this one word, which always reads the latest value. No second location takes part
// in a decision, so no sequential consistency is needed; the orders below carry the users' data:
//
//   W  wake, release         -> S, S', P: what the waker did happens before the return of the wait
//   W  wake, acquire         <- P, G': who wakes a sleeping task has seen all that it did before
//   P  prepare_wait, release -> W, and the acquire in get_state()
//   P  prepare_wait, acquire <- W of the queued wake-up, and of those that were answered -EAGAIN:
//                               they, too, wrote the word (RUNNING|QUEUED over itself), and a chain
//                               of read-modify-writes hands their release on
//   S  sleep, load acquire   <- W
//   S' giving up, acquire    <- W, in the failing case, in which the wait reports the wake-up
//   G' giving up, release    -> W, as P: a waker that comes now may rely on it likewise
//   relaxed loads                before an exchange only choose what to expect; the exchange checks
//
// Without the write on -EAGAIN this was wrong: x = 1; wake() == -EAGAIN; the task consumes the
// other waker's wake-up and reads x == 0. On x86 the load that sees QUEUED may be performed before
// the store to x has left the store buffer.
#include "kernel_shim/task.h"

#include <bit>
#include <cerrno>

#include "kernel_shim/task_table.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::uint32_t kNone = UMCG_TASK_NONE;
constexpr std::uint32_t kRunnable = UMCG_TASK_RUNNABLE;
constexpr std::uint32_t kRunning = UMCG_TASK_RUNNING;
constexpr std::uint32_t kQueued = UMCG_TASK_RUNNING | UMCG_TF_WAKEUP_QUEUED;

static_assert(std::endian::native == std::endian::little, "the futex is the word's lower half");
const std::uint32_t* futex_of(const Task& task) {
  return reinterpret_cast<const std::uint32_t*>(&task.word);
}

// The waking half: nothing in it can block.
int wake_generation(Task& next, std::uint32_t generation, std::uint64_t word) noexcept {
  for (;;) {
    if (generation_of(word) != generation || state_of(word) == kNone) return -ESRCH;
    const std::uint32_t from = state_of(word);
    const std::uint32_t to = from == kRunnable ? kRunning : kQueued;
    // Even if a wake-up is queued already the word is written, with the same value: only so does
    // this caller's past happen before the return of the wait that takes the wake-up.
    // acq_rel: release pairs with the owner's acquire in prepare_wait() and sleep(); acquire with
    // the owner's release in prepare_wait(): the waker of a sleeping task sees what it did.
    if (next.word.compare_exchange_weak(word, make_word(generation, to), std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      if (from == kQueued) return -EAGAIN;
      if (from == kRunnable) futex_wake(futex_of(next), 1);
      return 0;
    }
  }
}

// The sleeping half, in two steps. RUNNING -> RUNNABLE, or take the queued wake-up.
enum class Prepared { kSleep, kWoken, kNotATask };
Prepared prepare_wait(Task& self, std::uint32_t* generation) noexcept {
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint32_t from = state_of(word);
    if (from != kRunning && from != kQueued) return Prepared::kNotATask;
    const std::uint32_t to = from == kQueued ? kRunning : kRunnable;
    *generation = generation_of(word);
    // acq_rel: acquire pairs with the release of all wakers that met the queued wake-up or put it
    // there; release with the acquire of the one who will meet RUNNABLE.
    if (self.word.compare_exchange_weak(word, make_word(*generation, to), std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
      return from == kQueued ? Prepared::kWoken : Prepared::kSleep;
    }
  }
}

// Until a waker has written RUNNING. `interruptible` decides whether -EINTR is an end, too.
int sleep(Task& self, std::uint32_t generation, std::int64_t deadline_ns,
          bool interruptible) noexcept {
  const std::uint64_t sleeping = make_word(generation, kRunnable);
  for (;;) {
    const int result = futex_wait(futex_of(self), kRunnable, deadline_ns);
    if (result == -ETIMEDOUT || (result == -EINTR && interruptible)) {
      // Give up, unless a waker comes first: then the wake-up is what is reported. acq_rel: release
      // as in prepare_wait(); acquire, when it fails, pairs with the release in wake_generation().
      std::uint64_t word = sleeping;
      const bool gave_up =
          self.word.compare_exchange_strong(word, make_word(generation, kRunning),
                                            std::memory_order_acq_rel, std::memory_order_acquire);
      return gave_up ? result : 0;
    }
    // acquire: pairs with the release in wake_generation().
    if (self.word.load(std::memory_order_acquire) != sleeping) return 0;
  }
}

int wait_any(Task& self, std::int64_t deadline_ns, bool interruptible) noexcept {
  std::uint32_t generation = 0;
  switch (prepare_wait(self, &generation)) {
    case Prepared::kWoken:
      return 0;
    case Prepared::kNotATask:
      return -EINVAL;
    case Prepared::kSleep:
      break;
  }
  return sleep(self, generation, deadline_ns, interruptible);
}

int swap_any(Task& self, umcg_tid next, std::int64_t deadline_ns, bool interruptible) noexcept {
  if (next == tid_of(self)) return -EINVAL;
  if (const int error = wake(next); error != 0) return error;
  return wait_any(self, deadline_ns, interruptible);
}

}  // namespace

int wake(umcg_tid next) noexcept {
  if (next == 0) return -EINVAL;
  Task* task = find_slot(next);
  if (task == nullptr) return -ESRCH;
  return wake_generation(*task, generation_of(next), task->word.load(std::memory_order_acquire));
}

int wake(Task& next) noexcept {
  const std::uint64_t word = next.word.load(std::memory_order_acquire);
  return wake_generation(next, generation_of(word), word);
}

int wait(Task& self, std::int64_t deadline_ns) noexcept {
  return wait_any(self, deadline_ns, false);
}

int wait_interruptible(Task& self, std::int64_t deadline_ns) noexcept {
  return wait_any(self, deadline_ns, true);
}

int swap(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  return swap_any(self, next, deadline_ns, false);
}

int swap_interruptible(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  return swap_any(self, next, deadline_ns, true);
}

int get_state(umcg_tid tid, std::uint32_t* state) noexcept {
  if (tid == 0) return -EINVAL;
  const Task* task = find_slot(tid);
  if (task == nullptr) return -ESRCH;
  const std::uint64_t word = task->word.load(std::memory_order_acquire);
  if (generation_of(word) != generation_of(tid) || state_of(word) == kNone) return -ESRCH;
  *state = state_of(word);
  return 0;
}

}  // namespace umcg::inline v0::internal::shim
