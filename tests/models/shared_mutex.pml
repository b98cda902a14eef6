/* SPDX-License-Identifier: Apache-2.0
 *
 * shared_mutex.pml - the word and the queue of src/runtime/sync/shared_mutex.cc.
 *
 * Two writers and a reader, a writer and two or three readers, or two of each, who take the lock
 * once or twice; some of them the first time at their choice with or without a deadline. The last one to
 * have it, if that is a writer, destroys it as soon as its unlock() has returned: "lock; last =
 * --refs == 0; unlock; if (last) delete".
 * Steps are named as in shared_mutex.cc and wait_queue.h; what one step is, and what a wait is, is
 * as in mutex.pml.
 *
 * What holds:
 *  - a writer is alone in the lock, and the word tells who is in: the writer, or how many readers;
 *  - nobody touches the lock after it was destroyed, nobody is made ready twice;
 *  - no waiter is lost: when nothing can move any more all are done, and the word was left free;
 *  - readers do not wait behind readers: while the queue's lock is free, a reader is queued beside
 *    readers only if a writer is queued too, or has been woken and is about to try.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_ANNOUNCE            a waiter does not set the bit
 * MUTANT TAKE_FORGETS_WAITERS   who takes a free lock clears the bit
 * MUTANT READERS_JOIN           a reader joins readers though somebody waits
 * MUTANT FREE_FORGETS_WAITERS   whoever passes the lock on clears the bit with others still queued
 * MUTANT WITHDRAW_CLEARS_BIT    ... and so does a waiter that gives up
 * MUTANT GRANT_WITHOUT_CLAIM    the lock is handed to a writer that has given up
 * MUTANT COUNT_WITHOUT_CLAIM    readers that have given up are counted in
 * MUTANT STOP_AT_GIVEN_UP       unlock() gives up at a writer that has given up
 * MUTANT STORE_BEFORE_CLAIM     the word is set free, then the writer is claimed
 * MUTANT LAST_READER_GOES       the last reader leaves the lock free and wakes nobody
 * MUTANT LAST_READER_TRUSTS     ... or passes it on without looking again under the queue's lock
 * MUTANT KEEP_BACK              a writer that gives up leaves the readers behind it waiting
 * MUTANT LET_IN_ALWAYS          ... or lets them in whoever has the lock
 * MUTANT LET_IN_BY_STORE        ... or counts them in by a load and a store
 * MUTANT NO_SETTLE              a waiter claimed while open does not pass through the queue's lock
 * MUTANT NO_SETTLE_GIVER        a fast path does not look whether somebody is still giving
 * MUTANT READY_UNDER_LOCK       waiters are made ready before the queue's lock is released
 */
#define kTasks 4
#define NOBODY 4

mtype = { OPEN, PARKED, TIMED_OUT, GRANTED, RETRY };
mtype = { READER, WRITER, LOST };

/* The word. */
byte owner = NOBODY;
byte readers;
bool waiting;
/* The queue. */
bool locked;
byte length, queue[kTasks];
mtype kind[kTasks]; /* WaitNode::amount */
bool queued[kTasks];
mtype state[kTasks];
bool ready[kTasks];
byte refs, tasks;

/* Ghosts. */
byte writers_in, readers_in;
byte retrying; /* writers that were claimed with RETRY and have not tried yet */
bool gone;
byte done;

#define lives assert(!gone)
#define is_free (owner == NOBODY && readers == 0)
#ifdef READERS_JOIN
#define admits(reader) (is_free || (reader && readers != 0))
#else
#define admits(reader) (is_free || (reader && readers != 0 && !waiting))
#endif

inline take() {
  if
  :: is_reader -> readers++
  :: else -> owner = me
  fi
#ifdef TAKE_FORGETS_WAITERS
  ; waiting = false
#endif
}

inline lock_queue() {
  atomic { !locked -> lives; locked = true }
}
inline unlock_queue() {
  atomic {
    lives;
    assert(readers == 0 || retrying > 0 || length == 0 || kind[queue[0]] != READER ||
           kind[queue[length - 1]] != READER);
    locked = false
  }
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
  i = 0
}
/* Writers that have lost, readers, writers. */
inline insert(k) {
  i = length;
  do
  :: i > 0 && (k == LOST || (k == READER && kind[queue[i - 1]] != LOST)) ->
     queue[i] = queue[i - 1];
     i--
  :: else -> break
  od;
  queue[i] = me;
  length++;
  kind[me] = k;
  queued[me] = true;
  state[me] = OPEN;
  ready[me] = false;
  i = 0
}
/* Sets `next` to the first who is not `k`, or NOBODY. */
inline find_first_not(k) {
  i = 0;
  next = NOBODY;
  do
  :: i < length && kind[queue[i]] == k -> i++
  :: i < length && kind[queue[i]] != k -> next = queue[i]; break
  :: i == length -> break
  od;
  i = 0
}

/* Under the queue's lock. Sets `won`, and who is to be made ready after it. */
inline claim(t, outcome) {
  atomic {
    assert(!gone && (state[t] == OPEN || state[t] == PARKED || state[t] == TIMED_OUT));
    won = (state[t] != TIMED_OUT);
    if
    :: state[t] == PARKED -> wake = wake | (1 << t)
    :: else
    fi;
    if
    :: won -> state[t] = outcome
    :: else
    fi;
    if
    :: won && outcome == RETRY -> retrying++
    :: else
    fi
  }
}
/* Claims all readers, counts them in `more`. */
inline grant_readers() {
  do
  :: atomic { find_first_not(LOST);
       if
       :: next != NOBODY && kind[next] == READER -> remove(next)
       :: else -> next = NOBODY
       fi };
     if
     :: next == NOBODY -> break
     :: else
     fi;
     claim(next, GRANTED);
#ifdef COUNT_WITHOUT_CLAIM
     won = true;
#endif
     if
     :: won -> more++
     :: else
     fi
  od
}
inline make_ready() {
  atomic {
    do
    :: i < kTasks ->
       if
       :: (wake >> i) & 1 -> assert(!ready[i]); ready[i] = true
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0; wake = 0
  }
}

#ifdef FREE_FORGETS_WAITERS
#define somebody_waits false
#else
#define somebody_waits (length > 0)
#endif

/* The caller is the only owner, and holds the queue's lock. Sets `more` if readers go next. */
inline readers_go() {
  grant_readers();
  if
  :: more != 0 -> atomic { lives; owner = NOBODY; readers = more; waiting = somebody_waits }
  :: else
  fi
}
/* Sets `next` if a writer goes next. */
inline a_writer_goes() {
#ifdef STORE_BEFORE_CLAIM
  atomic { lives; find_first_not(READER);
    if
    :: next != NOBODY -> owner = NOBODY; readers = 0; waiting = (length > 1)
    :: else
    fi };
#endif
  do
  :: atomic { find_first_not(READER);
       if
       :: next != NOBODY -> hand_over = (kind[next] == LOST); remove(next)
       :: else
       fi };
     if
     :: next == NOBODY -> break
     :: else -> claim(next, (hand_over -> GRANTED : RETRY))
     fi;
#ifdef GRANT_WITHOUT_CLAIM
     won = won || hand_over;
#endif
     if
     :: won ->
#ifndef STORE_BEFORE_CLAIM
        atomic { lives; readers = 0; owner = (hand_over -> next : NOBODY); waiting = somebody_waits };
#endif
        break
     :: else ->
#ifdef STOP_AT_GIVEN_UP
        atomic { readers = 0; owner = NOBODY; waiting = (length > 0); next = 0 };
        break
#else
        skip
#endif
     fi
  od
}
inline nobody_goes() {
  atomic { lives; owner = NOBODY; readers = 0; waiting = false }
}
inline forget() {
  atomic { next = 0; hand_over = false; won = false; more = 0 }
}

/* Under the queue's lock: a waiter has left without having got the lock. */
inline after_leaving() {
  more = 0;
  if
#ifdef WITHDRAW_CLEARS_BIT
  :: true -> atomic { lives; waiting = false }
#else
  :: length == 0 -> atomic { lives; waiting = false }
#ifdef KEEP_BACK
  :: else
#else
  :: length > 0 ->
     if
     :: kind[queue[0]] == READER && kind[queue[length - 1]] == READER ->
        if
#ifdef LET_IN_ALWAYS
        :: true ->
#else
        :: atomic { readers == 0 -> lives }
        :: atomic { readers != 0 -> lives };
#endif
           grant_readers();
#ifdef LET_IN_BY_STORE
           atomic { more = more + readers };
           atomic { readers = more };
#else
           atomic { lives; readers = readers + more }; /* fetch_add */
#endif
           atomic { lives; waiting = false; more = 0; next = 0; won = false }
        fi
     :: else
     fi
#endif
#endif
  fi
}

/* Sets `taken`. */
inline lock_slow() {
  my_kind = (is_reader -> READER : WRITER);
  do
  :: lock_queue();
     atomic { /* take_or_announce() */
       lives;
       taken = admits(is_reader);
       if
       :: taken -> take()
       :: else ->
#ifndef NO_ANNOUNCE
          waiting = true
#else
          skip
#endif
       fi;
       if
       :: my_kind == LOST -> retrying--
       :: else
       fi
     };
     if
     :: taken -> unlock_queue(); break
     :: else
     fi;
     if
     :: timed -> /* the deadline has passed already */
        after_leaving();
        unlock_queue();
        make_ready();
        break
     :: true ->
        atomic { insert(my_kind) };
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
           after_leaving();
           unlock_queue();
           make_ready();
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
           :: else -> my_kind = LOST
           fi
        fi
     fi
  od
}

inline lock_mutex() {
  if
  :: atomic { admits(is_reader) -> lives; take(); taken = true }; settle_giver()
  :: atomic { !admits(is_reader) -> lives }; lock_slow()
  fi
}

inline unlock_mutex() {
  if
  :: atomic { owner == me && !waiting -> lives; owner = NOBODY } /* the last touch */
  :: atomic { owner == me && waiting -> lives };
     lock_queue();
     readers_go();
     if
     :: more == 0 ->
        a_writer_goes();
        if
        :: next == NOBODY -> nobody_goes()
        :: else
        fi
     :: else
     fi;
     forget();
#ifdef READY_UNDER_LOCK
     make_ready();
#endif
     unlock_queue(); /* the last touch */
     make_ready()
  fi
}

inline unlock_shared() {
  do
  :: atomic { readers > 1 || !waiting -> lives; assert(readers > 0); readers-- }; break
#ifdef LAST_READER_GOES
  :: atomic { readers == 1 && waiting -> lives; readers-- }; break
#else
  :: atomic { readers == 1 && waiting -> lives }; /* unlock_last_reader() */
     lock_queue();
     atomic {
       lives;
#ifdef LAST_READER_TRUSTS
       last = true
#else
       last = (readers == 1 && waiting)
#endif
     };
     if
     :: last ->
        a_writer_goes();
        if
        :: next == NOBODY ->
           readers_go();
           if
           :: more == 0 -> nobody_goes()
           :: else
           fi
        :: else
        fi;
        forget()
     :: else
     fi;
#ifdef READY_UNDER_LOCK
     make_ready();
#endif
     unlock_queue();
     make_ready();
     if
     :: last -> last = false; break
     :: else
     fi
#endif
  od
}

proctype task(byte me; bool is_reader; byte rounds; bool hasty) {
  byte i, next, wake, more, round;
  mtype my_kind;
  bool timed, taken, claimed_open, hand_over, won, last, destroys;
  do
  :: round < rounds ->
     if
     :: hasty && round == 0 -> timed = true
     :: true -> timed = false
     fi;
     lock_mutex();
     if
     :: taken && is_reader ->
        atomic { assert(writers_in == 0 && owner == NOBODY); readers_in++; assert(readers_in <= readers) };
        atomic {
          assert(writers_in == 0 && owner == NOBODY);
          readers_in--;
          if
          :: round == rounds - 1 -> refs--
          :: else
          fi
        };
        unlock_shared()
     :: taken && !is_reader ->
        atomic { assert(writers_in == 0 && readers_in == 0 && owner == me && readers == 0); writers_in++ };
        atomic {
          assert(readers_in == 0 && owner == me);
          writers_in--;
          if
          :: round == rounds - 1 -> refs--; destroys = (refs == 0)
          :: else
          fi
        };
        unlock_mutex()
     :: else ->
        assert(timed);
        if
        :: round == rounds - 1 -> refs--
        :: else
        fi
     fi;
     atomic { taken = false; my_kind = 0; round++ }
  :: else -> break
  od;
  if
  :: destroys -> assert(is_free && !locked && length == 0); gone = true
  :: else
  fi;
  done++
}

init {
  atomic {
    if
    :: refs = 3; run task(0, false, 2, true); run task(1, false, 2, true); run task(2, true, 1, true)
    :: refs = 3; run task(0, false, 2, true); run task(1, true, 2, true); run task(2, true, 1, true)
    :: refs = 4; run task(0, false, 1, false); run task(1, false, 1, true);
       run task(2, true, 1, false); run task(3, true, 1, false)
    :: refs = 4; run task(0, false, 1, true); run task(1, true, 1, false);
       run task(2, true, 1, false); run task(3, true, 1, false)
    fi;
    tasks = refs
  };
  timeout; /* nothing can move any more */
  assert(done == tasks && is_free && !waiting && length == 0 && retrying == 0)
}
