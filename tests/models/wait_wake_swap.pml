/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_wake_swap.pml - the protocol of src/kernel_shim/wait_wake.h, all interleavings.
 *
 * Two tasks and a stranger. Each task, kSteps times, at its choice waits or swaps with the other,
 * with or without a deadline, interruptible or not; the stranger wakes task 0, more often than can
 * be queued. A swap wakes and then waits, or does both by one call of the kernel. Then task 0 is released and its slot taken by a new owner, whose tid nobody has, while
 * the wakers still hold the old one. Loads and compare-and-swaps are single steps, named as in the
 * code. The futex is the kernel's: it compares and goes to sleep in one step, may be left
 * by a timeout at any time where there is a deadline, and by a signal or for no reason kNuisances
 * times in all (without that bound no lost wake-up would ever show: something else ends the sleep).
 *
 * What holds:
 *  - conservation: one accepted wake-up is not consumed yet if the state is QUEUED, else none;
 *  - wait returns 0 if and only if it consumed a wake-up: not lost to a timeout or a signal, not
 *    made up by a spurious return or a former owner's wake-up; and then or otherwise the state is
 *    RUNNING or QUEUED, so that waiting again works;
 *  - when nothing can move any more nobody is asleep in the kernel with a wake-up delivered;
 *  - who consumes a wake-up has acquired the writes of all whose wake() was answered before, those
 *    answered -EAGAIN too. (`published`: what releases have put into the word's release sequence.)
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT GIVE_UP_WITHOUT_CAS    after a timeout or signal write RUNNING without comparing
 * MUTANT GIVE_UP_STAYS_RUNNABLE after a timeout or signal leave the state (the patches did)
 * MUTANT TRUST_FUTEX_RETURN     take a return of 0 for a wake-up without looking at the word
 * MUTANT SLEEP_WITHOUT_COMPARE  go to sleep whatever the word says (the patches did)
 * MUTANT FUTEX_WAKE_FIRST       wake the sleeper before writing RUNNING
 * MUTANT WAKE_DOES_NOT_QUEUE    answer 0 for a running task and leave no trace
 * MUTANT CAS_WITHOUT_GENERATION compare the state alone
 * MUTANT REFUSE_WITHOUT_WRITE   answer -EAGAIN after a load alone
 */
#define kTasks 2
#define kSteps 2
#define kStrangersWakes 3
#define kNuisances 2

#define NONE 0
#define RUNNABLE 1
#define RUNNING 2
#define QUEUED 3 /* RUNNING | WAKEUP_QUEUED */

mtype = { OK, EAGAIN, EINTR, ETIMEDOUT, ESRCH };

byte generation[kTasks]; /* with state: the word */
byte state[kTasks];
bool asleep[kTasks]; /* the owner is queued on the futex */
byte nuisances;

/* Ghosts: nothing in the protocol reads them. */
byte pending[kTasks];   /* accepted wake-ups that nobody has consumed yet */
bool woken[kTasks];     /* the present wait has consumed a wake-up */
byte answered[kTasks];  /* wakers who were told 0 or -EAGAIN since the last consumption */
byte published[kTasks]; /* wakers whose past the word hands on */
bool unknown[kTasks];   /* the slot's owner is one whose tid nobody has */

inline check_word(t) {
  assert(pending[t] == (state[t] == QUEUED -> 1 : 0))
}

inline consume(t) {
  pending[t]--;
  woken[t] = true;
  assert((answered[t] & published[t]) == answered[t]);
  answered[t] = 0
}

#ifdef CAS_WITHOUT_GENERATION
#define same_generation(t, g) true
#else
#define same_generation(t, g) (generation[t] == g)
#endif

inline futex_wake(t) { asleep[t] = false }

/* `by` is the waker's bit. The caller owes a futex_wake if result is OK and from is RUNNABLE. */
inline deliver(t, g, by, result) {
  do
  :: atomic { /* load */
       from = state[t];
       if
       :: from == NONE || !same_generation(t, g) -> result = ESRCH; break
       :: else
       fi
     };
#ifdef REFUSE_WITHOUT_WRITE
     if
     :: from == QUEUED -> atomic {
          if
          :: state[t] == QUEUED && generation[t] == g -> answered[t] = answered[t] | by
          :: else
          fi
        };
        result = EAGAIN; break
     :: else
     fi;
#endif
     atomic { /* compare_exchange */
       if
       :: state[t] == from && same_generation(t, g) ->
          assert(!unknown[t]);
          answered[t] = answered[t] | by;
          published[t] = published[t] | by;
          result = (from == QUEUED -> EAGAIN : OK);
          if
          :: from == RUNNABLE -> state[t] = RUNNING; pending[t]++; consume(t)
#ifdef WAKE_DOES_NOT_QUEUE
          :: from == RUNNING -> pending[t]++
#else
          :: from == RUNNING -> state[t] = QUEUED; pending[t]++
#endif
          :: from == QUEUED
          fi;
          check_word(t);
          break
       :: else /* again, with what is there now */
       fi
     }
  od
}

inline wake_word(t, g, by, result) {
#ifdef FUTEX_WAKE_FIRST
  futex_wake(t);
  deliver(t, g, by, result)
#else
  deliver(t, g, by, result);
  if
  :: result == OK && from == RUNNABLE -> futex_wake(t)
  :: else
  fi
#endif
}

/* Sets `result` to OK if a queued wake-up was taken; else the task has to sleep. */
inline prepare_wait(t, result) {
  do
  :: atomic { /* load */ from = state[t]; assert(from == RUNNING || from == QUEUED) };
     atomic { /* compare_exchange */
       if
       :: state[t] == from && from == QUEUED ->
          state[t] = RUNNING; consume(t); check_word(t); result = OK; break
       :: state[t] == from && from == RUNNING -> state[t] = RUNNABLE; result = EAGAIN; break
       :: else
       fi
     }
  od
}

inline futex_wait(t, deadline, result) {
  atomic {
#ifndef SLEEP_WITHOUT_COMPARE
    if
    :: state[t] == RUNNABLE -> asleep[t] = true; result = OK
    :: else -> result = EAGAIN
    fi
#else
    asleep[t] = true; result = OK
#endif
  };
  if
  :: result == EAGAIN
  :: else ->
end_asleep: /* for ever, if nobody wakes it */
     if
     :: !asleep[t]
     :: atomic { deadline -> asleep[t] = false; result = ETIMEDOUT }
     :: atomic { nuisances > 0 -> nuisances--; asleep[t] = false; result = EINTR }
     :: atomic { nuisances > 0 -> nuisances--; asleep[t] = false }
     fi
  fi
}

inline sleep(t, deadline, result) {
  do
  :: atomic { /* load */
       if
       :: state[t] != RUNNABLE -> result = OK; break
       :: else
       fi
     };
     futex_wait(t, deadline, result);
#ifdef TRUST_FUTEX_RETURN
     if
     :: result == OK -> break
     :: else
     fi;
#endif
     if
     :: result == ETIMEDOUT || result == EINTR -> /* interruptible */
        atomic { /* give up: compare_exchange */
#if defined(GIVE_UP_WITHOUT_CAS)
          state[t] = RUNNING
#elif defined(GIVE_UP_STAYS_RUNNABLE)
          skip
#else
          if
          :: state[t] == RUNNABLE -> state[t] = RUNNING
          :: else -> result = OK
          fi
#endif
        };
        break
     :: result != ETIMEDOUT /* look again */
     fi
  od
}

/* `next`: whom a swap still has to wake, or kTasks. */
inline wait(t, deadline, next, result) {
  prepare_wait(t, result);
  if
  :: next < kTasks -> futex_wake(next); next = kTasks
  :: else
  fi;
  if
  :: result == OK
  :: else -> sleep(t, deadline, result)
  fi;
  atomic {
    assert((result == OK) == woken[t]);
    assert(state[t] == RUNNING || state[t] == QUEUED);
    from = 0; result = 0; woken[t] = false /* fewer states */
  }
}

proctype task(byte me) {
  byte from, step, other = 1 - me, mine = 1 << me, next = kTasks;
  bool deadline;
  mtype result;
  do
  :: step < kSteps + (me == 0 -> 1 : 0) ->
     atomic {
       step++;
       result = OK;
       if
       :: deadline = true
       :: deadline = false
       fi
     };
     if
     :: step <= kSteps /* wait, or */
     :: step <= kSteps -> wake_word(other, 0, mine, result) /* swap, or */
     :: step <= kSteps -> deliver(other, 0, mine, result); /* swap in one call */
        if
        :: result == OK && from == RUNNABLE -> next = other
        :: else
        fi
     :: step > kSteps -> /* release_task, acquire_task */
        atomic {
          state[me] = NONE;
          generation[me]++;
          pending[me] = 0; answered[me] = 0; unknown[me] = true
        };
        state[me] = RUNNING
     fi;
     if
     :: result == OK -> wait(me, deadline, next, result)
     :: else /* a refused swap does not sleep */
     fi
  :: else -> break
  od
}

proctype stranger() {
  byte from, step;
  mtype result;
  do
  :: step < kStrangersWakes -> step++; wake_word(0, 0, 1 << kTasks, result)
  :: else -> break
  od
}

init {
  byte i;
  atomic {
    nuisances = kNuisances;
    for (i : 0 .. kTasks - 1) { state[i] = RUNNING }
    for (i : 0 .. kTasks - 1) { run task(i) }
    run stranger()
  };
  timeout; /* nothing can move any more */
  for (i : 0 .. kTasks - 1) { assert(!asleep[i] || state[i] == RUNNABLE) }
}
