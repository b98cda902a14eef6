/* SPDX-License-Identifier: Apache-2.0
 *
 * semaphore.pml - the state word, its direct waiter and the queue of src/runtime/sync/semaphore.cc.
 *
 * Three tasks take and give back the one permit, one of them twice; each time they wait without a
 * limit, and then may be entered directly, or with a deadline that may pass. The last of the first
 * two to have it destroys the semaphore as soon as its release() has returned and the third has
 * ended, which tries once. Steps are named as in semaphore.cc and wait_queue.h; the queue's lock is
 * one bit, and a compare-and-swap that failed and is tried again is not told from one that was late.
 * A queued wait is that of waiter.h, as in mutex.pml.
 *
 * What holds:
 *  - one task at a time has the permit;
 *  - nobody touches the semaphore after it was destroyed, nobody is made ready twice or before he is
 *    parked;
 *  - no waiter is lost: when nothing can move any more all are done, and the permit is there.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT ENTER_BY_STORE         the far side writes its node without comparing
 * MUTANT ENTER_BEFORE_PARKED    the node is entered before the context is saved
 * MUTANT FORGET_FAILED_ENTRY    a fiber that found no place is not made ready
 * MUTANT ANNOUNCE_DROPS_DIRECT  a second waiter does not queue the first one
 * MUTANT ANNOUNCE_BEHIND        ... or queues him without taking him out of the word
 * MUTANT RELEASE_LEAVES_DIRECT  release() wakes the direct waiter and leaves him in the word
 * MUTANT DIRECT_KEEPS_PERMIT    ... or counts the permit besides
 * MUTANT WITHDRAW_CLEARS_BIT    a waiter that gives up clears the bit, whoever waits behind
 * MUTANT NO_SETTLE              a waiter claimed while open does not pass through the queue's lock
 * MUTANT READY_UNDER_LOCK       waiters are made ready before the queue's lock is released
 */
#define kTasks 3
#define NOBODY 3

mtype = { OPEN, PARKED, TIMED_OUT, GRANTED, RETRY };

/* The word: at most one of these is not at rest, but permits under `waiting`. */
byte permits = 1;
bool waiting;
byte direct = NOBODY;

bool locked; /* the queue's lock */
byte length, queue[kTasks];
bool queued[kTasks];
mtype state[kTasks];
bool saved[kTasks]; /* the context */
bool ready[kTasks];

/* Ghosts. */
byte inside = NOBODY;
bool gone;
byte refs = 3; /* turns of the first two to come */
bool third_ended;
byte done;

#define lives assert(!gone)

inline lock_queue() {
  atomic { !locked -> lives; locked = true }
}
inline unlock_queue() {
  atomic { lives; locked = false }
}
inline make_ready(t) {
  atomic { assert(!ready[t]); assert(saved[t]); ready[t] = true }
}

/* Under the queue's lock. */
inline push(t) {
  atomic { queue[length] = t; length++; queued[t] = true }
}
inline remove(t) {
  atomic {
    i = 0;
    do
    :: queue[i] != t -> i++
    :: else -> break
    od;
    do
    :: i + 1 < length -> queue[i] = queue[i + 1]; i++
    :: else -> break
    od;
    length--;
    queue[length] = 0;
    queued[t] = false;
    i = 0
  }
}

/* Under the queue's lock. `woken` is made ready after it. */
inline grant() {
  do
  :: length > 0 && permits > 0 ->
     head = queue[0];
     remove(head);
     atomic { /* try_claim */
       if
       :: state[head] == PARKED -> state[head] = GRANTED; permits--; woken = head
       :: state[head] == OPEN -> state[head] = GRANTED; permits--
       :: else /* gave up */
       fi
     }
  :: length > 0 && permits == 0 -> break
  :: length == 0 -> atomic { lives; waiting = false }; break
  od;
  head = 0
}
inline unlock_and_wake() {
#ifdef READY_UNDER_LOCK
  if
  :: woken != NOBODY -> make_ready(woken); woken = NOBODY
  :: else
  fi;
#endif
  unlock_queue();
  if
  :: woken != NOBODY -> make_ready(woken); woken = NOBODY
  :: else
  fi
}

/* Sets `taken`. */
inline try_acquire() {
  atomic { /* compare_exchange */
    lives;
    taken = (permits > 0 && !waiting);
    if
    :: taken -> permits--
    :: else
    fi
  };
  if
  :: taken -> /* settle_giver: for semaphores of more permits, which this one is not */
     if
     :: atomic { !locked -> lives }
     :: atomic { locked -> lives }; lock_queue(); unlock_queue()
     fi
  :: else
  fi
}

/* Sets `taken`. */
inline acquire_directly() {
  if
  :: atomic { permits == 0 && !waiting && direct == NOBODY -> lives };
     state[me] = PARKED;
     ready[me] = false;
#ifndef ENTER_BEFORE_PARKED
     saved[me] = true;
#endif
#ifdef ENTER_BY_STORE
     atomic { lives; direct = me; entered = true };
#else
     atomic { /* enter_directly: compare_exchange */
       lives;
       entered = (permits == 0 && !waiting && direct == NOBODY);
       if
       :: entered -> direct = me
       :: else -> state[me] = RETRY
       fi
     };
#endif
     saved[me] = true;
#ifndef FORGET_FAILED_ENTRY
     if
     :: !entered -> make_ready(me)
     :: else
     fi;
#endif
     ready[me];
     atomic { taken = (state[me] != RETRY); ready[me] = false; saved[me] = false; entered = false }
  :: else
  fi
}

/* Sets `taken`. */
inline acquire_slow() {
  state[me] = OPEN;
  lock_queue();
  atomic { /* announce, or take */
    lives;
    taken = (permits > 0 && !waiting);
    if
    :: taken -> permits--
    :: else ->
#ifndef ANNOUNCE_DROPS_DIRECT
       moved = direct;
#endif
#ifndef ANNOUNCE_BEHIND
       direct = NOBODY;
#endif
       waiting = true
    fi
  };
  if
  :: taken -> unlock_queue()
  :: else ->
     if
     :: moved != NOBODY -> push(moved); moved = NOBODY
     :: else
     fi;
     push(me);
     unlock_queue();
     saved[me] = true;
     atomic { /* settle_parked */
       if
       :: state[me] == OPEN -> state[me] = PARKED
       :: else -> ready[me] = true; lingers = true
       fi
     };
     if
     :: ready[me]
     :: atomic { limited && state[me] == PARKED -> state[me] = TIMED_OUT }
     fi;
     atomic { ready[me] = false; saved[me] = false };
     if
     :: state[me] == TIMED_OUT ->
        lock_queue();
        if
        :: queued[me] -> remove(me)
        :: else
        fi;
#ifdef WITHDRAW_CLEARS_BIT
        waiting = false;
#else
        if
        :: waiting -> grant() /* serve_those_behind */
        :: else
        fi;
#endif
        unlock_and_wake()
     :: else ->
        taken = true;
#ifndef NO_SETTLE
        if
        :: lingers -> lock_queue(); unlock_queue() /* settle */
        :: else
        fi
#else
        skip
#endif
     fi;
     lingers = false
  fi
}

inline release() {
  do
  :: atomic { !waiting -> /* compare_exchange */
       lives;
       if
       :: direct != NOBODY ->
          woken = direct;
#ifndef RELEASE_LEAVES_DIRECT
          direct = NOBODY;
#endif
#ifdef DIRECT_KEEPS_PERMIT
          permits++
#endif
       :: else -> permits++
       fi
     };
     if
     :: woken != NOBODY -> make_ready(woken); woken = NOBODY
     :: else
     fi;
     break
  :: atomic { waiting -> lives };
     lock_queue();
     if
     :: !waiting -> unlock_queue() /* the last one gave up */
     :: else ->
        atomic { lives; permits++ };
        grant();
        unlock_and_wake();
        break
     fi
  od
}

proctype task(byte me; byte turns) {
  byte i, head, moved = NOBODY, woken = NOBODY;
  bool taken, entered, limited, lingers, last;
  do
  :: turns > 0 ->
     if
     :: limited = true
     :: limited = false
     fi;
     try_acquire();
     if
     :: !taken && !limited -> acquire_directly()
     :: else
     fi;
     if
     :: !taken -> acquire_slow()
     :: else
     fi;
     if
     :: taken ->
        atomic { assert(inside == NOBODY); inside = me };
        atomic {
          inside = NOBODY;
          taken = false;
          if
          :: me != 2 -> refs--; last = (refs == 0)
          :: else
          fi
        };
        release();
        if
        :: last -> third_ended; gone = true
        :: else
        fi;
        turns--
     :: !taken && me == 2 -> turns = 0
     :: else /* tries again */
     fi
  :: turns == 0 -> break
  od;
  if
  :: me == 2 -> third_ended = true
  :: else
  fi;
  done++
}

init {
  atomic { run task(0, 2); run task(1, 1); run task(2, 1) };
  timeout;
  assert(done == kTasks);
  assert(permits == 1 && !waiting && direct == NOBODY && length == 0)
}
