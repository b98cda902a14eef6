// SPDX-License-Identifier: Apache-2.0
// wait_wake.h - the wait/wake/swap protocol, on one word.
//
// A task has one word, {generation:32, state:32}. Its lower half is what the owner sleeps on, so
// the state is at once the condition and the thing slept on: there is no second flag that could
// disagree with it. How one sleeps on a word is a parameter: by the process's backend (task.cc), or
// by a futex in memory that several processes share (shared/). The essay says FUTEX_WAIT and
// FUTEX_WAKE for "sleeps while the word is this" and "wakes who sleeps on it".
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
//                                                     anybody, nudge        RUNNABLE|LOOK
//   RUNNABLE|LOOK     the same, to look about once    a waker               RUNNING
//                                                     owner                 RUNNABLE
//
// LOOK exists in shared memory only, where a sleep may end because somebody else has ended.
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
//   answer costs a FUTEX_WAKE that finds nobody and a FUTEX_WAIT that returns -EAGAIN. Only a
//   kernel that wakes and sleeps in one call is given both at once: next's word is changed first,
//   then self's, and next is woken last. In between next is merely late, as it may be at any time.
//   If next is on another CPU, self may look for the answer for a moment before it begins to wait
//   (linger.h): no step of the protocol, self is merely late.
//
//   The end of a peer, against a sleeper that is not asleep yet. Who learns of the end notes it and
//   then looks at the sleeper's word; the sleeper writes RUNNABLE and then looks at the note. With
//   a full fence in between on both sides one of them sees the other. If it is the former, it
//   writes LOOK: a mark in the word, which the kernel compares, so that no sleep begins past it. (A
//   bare FUTEX_WAKE would be lost if it came before the sleep.) It is no wake-up: the sleeper takes
//   it back, looks at the note, and gives up or sleeps on.
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
#ifndef UMCG_KERNEL_SHIM_WAIT_WAKE_H_
#define UMCG_KERNEL_SHIM_WAIT_WAKE_H_

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "umcg/kernel.h"

namespace umcg::inline v0::internal::shim {

using Word = std::atomic<std::uint64_t>;

constexpr std::uint64_t make_word(std::uint32_t generation, std::uint32_t state) {
  return std::uint64_t{generation} << 32 | state;
}
constexpr std::uint32_t generation_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 32);
}
constexpr std::uint32_t state_of(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

static_assert(std::endian::native == std::endian::little, "what is slept on is the lower half");
inline const std::uint32_t* state_half(const Word& word) {
  return reinterpret_cast<const std::uint32_t*>(&word);
}

inline constexpr std::uint32_t kQueued = UMCG_TASK_RUNNING | UMCG_TF_WAKEUP_QUEUED;
// In the state RUNNABLE: the owner is to ask look() again. Never seen outside.
inline constexpr std::uint32_t kLook = 1u << 11;

// How one sleeps and wakes: a type with
//   int look()  before each sleep; not 0: give up, with that error
//   int sleep(const std::uint32_t* half, std::uint32_t expected)  0 and -EAGAIN: look again;
//                                                                 any other error: give up
//   void wake(const std::uint32_t* half)
//   void linger(const Word& self, std::uint64_t woken)  in a swap, after its wake-up: may look for
//       a moment whether `self` is that already
//   bool can_swap()
//   void swap(const std::uint32_t* next, const std::uint32_t* half, std::uint32_t expected)
//       wake(next) and one sleep(half, expected) in one call. How that sleep ended is not told: the
//       sleeper looks, and sleeps on.

// The waking half: nothing in it can block. `word` is what was read there. 0, -EAGAIN, -ESRCH; in
// *asleep, whether the caller owes a wake().
inline int deliver(Word& next, std::uint32_t generation, std::uint64_t word,
                   bool* asleep) noexcept {
  for (;;) {
    const std::uint32_t from = state_of(word);
    if (generation_of(word) != generation || from == UMCG_TASK_NONE) return -ESRCH;
    const bool sleeps = (from & ~kLook) == UMCG_TASK_RUNNABLE;
    const std::uint32_t to = sleeps ? UMCG_TASK_RUNNING : kQueued;
    // Even if a wake-up is queued already the word is written, with the same value: only so does
    // this caller's past happen before the return of the wait that takes the wake-up.
    // acq_rel: release pairs with the owner's acquire in prepare_wait() and sleep(); acquire with
    // the owner's release in prepare_wait(): the waker of a sleeping task sees what it did.
    if (next.compare_exchange_weak(word, make_word(generation, to), std::memory_order_acq_rel,
                                   std::memory_order_acquire)) {
      *asleep = sleeps;
      return from == kQueued ? -EAGAIN : 0;
    }
  }
}

// The sleeping half, in two steps. RUNNING -> RUNNABLE, or take the queued wake-up.
enum class Prepared { kSleep, kWoken, kNotATask };
inline Prepared prepare_wait(Word& self, std::uint32_t generation) noexcept {
  std::uint64_t word = self.load(std::memory_order_relaxed);
  for (;;) {
    const bool queued = word == make_word(generation, kQueued);
    if (!queued && word != make_word(generation, UMCG_TASK_RUNNING)) return Prepared::kNotATask;
    const std::uint32_t to = queued ? UMCG_TASK_RUNNING : UMCG_TASK_RUNNABLE;
    // acq_rel: acquire pairs with the release of all wakers that met the queued wake-up or put it
    // there; release with the acquire of the one who will meet RUNNABLE.
    if (self.compare_exchange_weak(word, make_word(generation, to), std::memory_order_acq_rel,
                                   std::memory_order_relaxed)) {
      return queued ? Prepared::kWoken : Prepared::kSleep;
    }
  }
}

// Until a waker has written RUNNING, or `how` gives up.
template <class How>
int sleep(Word& self, std::uint32_t generation, const How& how) noexcept {
  const std::uint64_t sleeping = make_word(generation, UMCG_TASK_RUNNABLE);
  // acquire, here and where an exchange fails: pairs with the release in deliver() and nudge().
  std::uint64_t word = self.load(std::memory_order_acquire);
  for (;;) {
    if (word == (sleeping | kLook)) {
      if (!self.compare_exchange_weak(word, sleeping, std::memory_order_acquire)) continue;
    } else if (word != sleeping) {
      return 0;
    }
    int result = how.look();
    if (result == 0) result = how.sleep(state_half(self), UMCG_TASK_RUNNABLE);
    word = self.load(std::memory_order_acquire);
    if (result == 0 || result == -EAGAIN) continue;
    // Give up, unless a waker comes first: then the wake-up is what is reported. release: as in
    // prepare_wait().
    while ((word & ~std::uint64_t{kLook}) == sleeping) {
      if (self.compare_exchange_weak(word, make_word(generation, UMCG_TASK_RUNNING),
                                     std::memory_order_acq_rel, std::memory_order_acquire)) {
        return result;
      }
    }
    return 0;
  }
}

// Any thread, after it has noted what look() is to see. Wakes nobody for good.
template <class How>
void nudge(Word& task, std::uint32_t generation, const How& how) noexcept {
  // Partner: the fence in look(). Either we see RUNNABLE, or look() sees the note.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::uint64_t sleeping = make_word(generation, UMCG_TASK_RUNNABLE);
  if (task.compare_exchange_strong(sleeping, sleeping | kLook, std::memory_order_release,
                                   std::memory_order_relaxed)) {
    how.wake(state_half(task));
  }
}

// 0, -ESRCH, -EAGAIN.
template <class How>
int wake_word(Word& next, std::uint32_t generation, std::uint64_t word, const How& how) noexcept {
  bool asleep = false;
  const int result = deliver(next, generation, word, &asleep);
  if (asleep) how.wake(state_half(next));
  return result;
}

// 0, -EINVAL (the word is not one of this generation's owner), or what `how` gave up with.
template <class How>
int wait_word(Word& self, std::uint32_t generation, const How& how) noexcept {
  switch (prepare_wait(self, generation)) {
    case Prepared::kWoken:
      return 0;
    case Prepared::kNotATask:
      return -EINVAL;
    case Prepared::kSleep:
      break;
  }
  return sleep(self, generation, how);
}

// wake_word(), and if that returned 0, wait_word().
template <class How>
int swap_words(Word& self, std::uint32_t self_generation, Word& next, std::uint32_t next_generation,
               std::uint64_t word, const How& how) noexcept {
  bool asleep = false;
  const int result = deliver(next, next_generation, word, &asleep);
  if (result != 0) return result;
  if (!asleep || !how.can_swap()) {
    if (asleep) how.wake(state_half(next));
    how.linger(self, make_word(self_generation, kQueued));
    return wait_word(self, self_generation, how);
  }
  const Prepared prepared = prepare_wait(self, self_generation);
  if (prepared == Prepared::kSleep) {
    how.swap(state_half(next), state_half(self), UMCG_TASK_RUNNABLE);
    return sleep(self, self_generation, how);
  }
  how.wake(state_half(next));
  return prepared == Prepared::kWoken ? 0 : -EINVAL;
}

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WAIT_WAKE_H_
