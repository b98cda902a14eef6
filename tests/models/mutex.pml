/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex.pml - the lock word and the queue of src/runtime/sync/mutex.cc.
 *
 * Two tasks take the mutex twice each, the first time at their choice with or without a deadline, the
 * second time without; a third one takes it once, with or without, and is waited for. The last of the
 * two to have it the second time destroys it as soon as its unlock() has returned: "lock; last =
 * --refs == 0; unlock; if (last) delete". Steps are named as in mutex.cc and wait_queue.h. The queue's lock is one bit; loads and compare-and-swaps are single
 * steps in one order, and a compare-and-swap that failed and is tried again is not told from one that
 * was late. A wait is that of waiter.h (see park_unpark.pml): claimed while open it goes on by
 * itself, claimed while parked it goes on when the claimer, after the queue's lock, makes it ready.
 *
 * What holds:
 *  - one task at a time has the mutex, and it is the one that the word names;
 *  - nobody touches the mutex after it was destroyed, nobody is made ready twice;
 *  - no waiter is lost: when nothing can move any more all are done, and the word was left free.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT ANNOUNCE_BY_STORE      the bit is set without comparing
 * MUTANT NO_ANNOUNCE            a waiter does not set the bit
 * MUTANT FREE_FORGETS_WAITERS   unlock() clears the bit with others still queued
 * MUTANT NEWCOMER_FORGETS_WAITERS   a newcomer who takes a free mutex clears the bit
 * MUTANT TAKE_FORGETS_WAITERS   ... and so does one who was woken
 * MUTANT WITHDRAW_CLEARS_BIT    ... and so does a waiter that gives up, whoever waits behind
 * MUTANT GRANT_WITHOUT_CLAIM    the lock is handed to a waiter that has given up
 * MUTANT STOP_AT_GIVEN_UP       unlock() gives up at a waiter that has given up
 * MUTANT STORE_BEFORE_CLAIM     the word is set free, then the waiter is claimed
 * MUTANT GRANT_IS_FREE          a hand-over leaves the word free
 * MUTANT NO_SETTLE              a waiter claimed while open does not pass through the queue's lock
 * MUTANT NO_SETTLE_GIVER        a fast path does not look whether somebody is still giving
 * MUTANT READY_UNDER_LOCK       waiters are made ready before the queue's lock is released
 */
#define kTasks 3
#define NOBODY 3

mtype = { OPEN, PARKED, TIMED_OUT, GRANTED, RETRY };

byte owner = NOBODY;
bool waiting; /* with owner: the word */
bool locked;  /* the queue's lock */
byte length, queue[kTasks];
bool lost[kTasks]; /* WaitNode::amount */
bool queued[kTasks];
mtype state[kTasks];
bool ready[kTasks];
byte refs = kTasks - 1;

/* Ghosts. */
byte inside = NOBODY;
bool gone, third_ended;
byte done;

#define lives assert(!gone)

inline lock_queue() {
  atomic { !locked -> lives; locked = true }
}
inline unlock_queue() {
  atomic { lives; locked = false }
}
inline settle_giver() {
#ifndef NO_SETTLE_GIVER
  if
  :: atomic { !locked -> lives }
  :: atomic { locked -> lives }; lock_queue(); unlock_queue()
  fi
#else
  skip
#endif
}

/* Under the queue's lock. */
inline remove(t) {
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
  lost[t] = false;
  i = 0
}
inline push(t, has_lost) {
  if
  :: has_lost ->
     i = length;
     do
     :: i > 0 -> queue[i] = queue[i - 1]; i--
     :: else -> break
     od;
     queue[0] = t
  :: else -> queue[length] = t
  fi;
  length++;
  queued[t] = true;
  lost[t] = has_lost;
  state[t] = OPEN;
  ready[t] = false
}

/* Under the queue's lock. Sets `taken`. */
inline take_or_announce() {
  atomic { /* compare_exchange */
    lives;
    if
    :: owner == NOBODY ->
       owner = me;
       taken = true
#ifdef TAKE_FORGETS_WAITERS
       ; waiting = false
#endif
    :: else ->
       taken = false
#if !defined(ANNOUNCE_BY_STORE) && !defined(NO_ANNOUNCE)
       ; waiting = true
#endif
    fi
  };
#ifdef ANNOUNCE_BY_STORE
  if
  :: !taken -> atomic { seen = owner }; atomic { owner = seen; waiting = true }
  :: else
  fi
#endif
}

inline clear_bit_if_empty() {
#ifdef WITHDRAW_CLEARS_BIT
  waiting = false
#else
  if
  :: length == 0 -> waiting = false
  :: else
  fi
#endif
}

/* Sets `taken`. */
inline lock_slow() {
  has_lost = false;
  do
  :: lock_queue();
     take_or_announce();
     if
     :: taken -> unlock_queue(); break
     :: else
     fi;
     if
     :: timed -> /* the deadline has passed already */
        atomic { lives; clear_bit_if_empty() };
        unlock_queue();
        break
     :: true ->
        atomic { push(me, has_lost) };
        unlock_queue();
        if /* park() */
        :: atomic { state[me] == OPEN -> state[me] = PARKED };
           if
           :: atomic { ready[me] -> ready[me] = false; claimed_open = false }
           :: atomic { timed && state[me] == PARKED -> state[me] = TIMED_OUT }
           fi
        :: atomic { state[me] != OPEN -> claimed_open = true }
        :: atomic { timed && state[me] == OPEN -> state[me] = TIMED_OUT }
        fi;
        if
        :: state[me] == TIMED_OUT -> /* withdraw() */
           lock_queue();
           atomic {
             if
             :: queued[me] -> remove(me)
             :: else
             fi
           };
           atomic { lives; clear_bit_if_empty() };
           unlock_queue();
           break
        :: else -> /* settle() */
#ifndef NO_SETTLE
           if
           :: claimed_open -> claimed_open = false; lock_queue(); unlock_queue()
           :: else
           fi;
#else
           claimed_open = false;
#endif
           if
           :: state[me] == GRANTED -> taken = true; break
           :: else ->
              has_lost = true;
              if /* try_woken(), a few times */
              :: atomic {
                   owner == NOBODY -> lives; owner = me; taken = true
#ifdef TAKE_FORGETS_WAITERS
                   ; waiting = false
#endif
                 };
                 settle_giver();
                 break
              :: atomic { lives }
              fi
           fi
        fi
     fi
  od
}

inline lock_mutex() {
  if
  :: atomic { /* try_free(), if somebody waits */
       owner == NOBODY -> lives; owner = me; taken = true
#ifdef NEWCOMER_FORGETS_WAITERS
       ; waiting = false
#endif
     };
     settle_giver()
  :: atomic { owner != NOBODY || waiting -> lives }; lock_slow()
  fi
}

inline unlock_mutex() {
  if
  :: atomic { owner == me && !waiting -> lives; owner = NOBODY } /* the last touch */
  :: atomic { owner == me && waiting -> lives };
     lock_queue();
     wake = NOBODY;
#ifdef STORE_BEFORE_CLAIM
     atomic { owner = NOBODY; waiting = (length > 1) };
#endif
     do
     :: length == 0 ->
#ifndef STORE_BEFORE_CLAIM
        atomic { lives; owner = NOBODY; waiting = false };
#endif
        break
     :: else ->
        atomic { next = queue[0]; hand_over = lost[next]; remove(next) };
        atomic { /* claim */
          assert(!gone && (state[next] == OPEN || state[next] == PARKED || state[next] == TIMED_OUT));
          won = (state[next] != TIMED_OUT);
          if
          :: state[next] == PARKED -> wake = next
          :: else
          fi;
          if
          :: won && hand_over -> state[next] = GRANTED
          :: won && !hand_over -> state[next] = RETRY
          :: else
          fi
        };
#ifdef GRANT_WITHOUT_CLAIM
        won = won || hand_over;
#endif
        if
#ifdef STOP_AT_GIVEN_UP
        :: !won -> atomic { owner = NOBODY; waiting = (length > 0) }; break
#else
        :: !won
#endif
        :: won ->
#ifndef STORE_BEFORE_CLAIM
           atomic {
             lives;
             owner = NOBODY;
#ifndef GRANT_IS_FREE
             if
             :: hand_over -> owner = next
             :: else
             fi;
#endif
#ifdef FREE_FORGETS_WAITERS
             waiting = false
#else
             waiting = (length > 0)
#endif
           };
#endif
           break
        fi
     od;
#ifdef READY_UNDER_LOCK
     if
     :: wake != NOBODY -> atomic { assert(!ready[wake]); ready[wake] = true; wake = NOBODY }
     :: else
     fi;
#endif
     unlock_queue(); /* the last touch */
     if
     :: wake != NOBODY -> atomic { assert(!ready[wake]); ready[wake] = true; wake = NOBODY }
     :: else
     fi
  fi;
  next = 0; hand_over = false; won = false
}

proctype task(byte me) {
  byte i, next, wake = NOBODY, seen, round;
  bool timed, taken, has_lost, claimed_open, hand_over, won, last;
  do
  :: round < (me == kTasks - 1 -> 1 : 2) ->
     if
     :: round == 0 -> timed = true
     :: true -> timed = false
     fi;
     lock_mutex();
     if
     :: taken ->
        atomic { assert(inside == NOBODY && owner == me); inside = me };
        if
        :: round == 1 -> refs--; last = (refs == 0)
        :: else
        fi;
        atomic { assert(inside == me && owner == me); inside = NOBODY };
        unlock_mutex();
        taken = false
     :: else -> assert(timed)
     fi;
     has_lost = false;
     round++
  :: else -> break
  od;
  if
  :: last -> third_ended; assert(owner == NOBODY && !locked && length == 0); gone = true
  :: me == kTasks - 1 -> third_ended = true
  :: else
  fi;
  done++
}

init {
  byte i;
  atomic {
    for (i : 0 .. kTasks - 1) { run task(i) }
  };
  timeout; /* nothing can move any more */
  assert(done == kTasks && gone && !waiting)
}
