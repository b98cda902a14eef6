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
 *    readers only if a writer is queued too, or has been woken and is about to try;
 *  - after the last reader, readers are next only if no writer waits;
 *  - nobody loses twice: while one that was woken and has lost is queued, no newcomer gets in, and it
 *    is not woken to try again; and a reader that was woken loses only to a writer.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_ANNOUNCE            a waiter does not set the bit
 * MUTANT TAKE_FORGETS_WAITERS   who takes a free lock clears the bit
 * MUTANT READERS_JOIN           a newcomer joins readers though somebody waits
 * MUTANT WOKEN_READERS_WAIT     a reader that was woken does not
 * MUTANT JOIN_WITHOUT_LOCK      ... or does, but not under the queue's lock
 * MUTANT FREE_PAST_LOST         the lock is set free though one who has lost waits
 * MUTANT MARK_STAYS_BEHIND      a reader in front of one that has lost does not take over its mark
 * MUTANT FREE_FORGETS_WAITERS   whoever passes the lock on clears the bit with others still queued
 * MUTANT WITHDRAW_CLEARS_BIT    ... and so does a waiter that gives up
 * MUTANT GRANT_WITHOUT_CLAIM    the lock is handed to a writer that has given up
 * MUTANT COUNT_WITHOUT_CLAIM    readers that have given up are counted in
 * MUTANT STOP_AT_GIVEN_UP       readers are next if one writer has given up, though another waits
 * MUTANT ONE_KIND_ONLY          whoever passes the lock on looks for one kind of waiters only
 * MUTANT STORE_BEFORE_CLAIM     the word is set free, then those who are next are claimed
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
mtype = { READER, WRITER, LOST_READER, LOST_WRITER };

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
#define admits (is_free || (is_reader && readers != 0))
#else
#define admits (is_free || (is_reader && readers != 0 && !waiting))
#endif
#ifdef WOKEN_READERS_WAIT
#define admits_under_lock admits
#else
#define admits_under_lock (admits || (my_kind == LOST_READER && readers != 0))
#endif
#ifdef JOIN_WITHOUT_LOCK
#define admits_soon admits_under_lock
#else
#define admits_soon admits
#endif

#define reads(k) (k == READER || k == LOST_READER)
#define has_lost(k) (k == LOST_READER || k == LOST_WRITER)
#define lost_at(n) (n < length && has_lost(kind[queue[n]]))
#define one_who_lost_waits (lost_at(0) || lost_at(1) || lost_at(2) || lost_at(3))

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
    assert(readers == 0 || retrying > 0 || length == 0 || !reads(kind[queue[0]]) ||
           !reads(kind[queue[length - 1]]));
    assert(!is_free || !one_who_lost_waits);
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
inline insert() {
  i = length;
  do
  :: i > 0 && (my_kind == LOST_WRITER || (is_reader && kind[queue[i - 1]] != LOST_WRITER)) ->
     queue[i] = queue[i - 1];
     i--
  :: else -> break
  od;
  queue[i] = me;
  length++;
  kind[me] = my_kind;
#ifndef MARK_STAYS_BEHIND
  if
  :: is_reader && i + 1 < length && kind[queue[i + 1]] == LOST_READER -> kind[me] = LOST_READER
  :: else
  fi;
#endif
  queued[me] = true;
  state[me] = OPEN;
  ready[me] = false;
  i = 0
}
/* Sets `next` to the first who is of neither kind, or NOBODY. */
inline find_first_past(a, b) {
  i = 0;
  next = NOBODY;
  do
  :: i < length && (kind[queue[i]] == a || kind[queue[i]] == b) -> i++
  :: i < length && kind[queue[i]] != a && kind[queue[i]] != b -> next = queue[i]; break
  :: i == length -> break
  od;
  i = 0
}
/* Under the queue's lock. Sets `won`, and who is to be made ready after it. */
inline claim(t, outcome) {
  atomic {
    assert(!gone && (state[t] == OPEN || state[t] == PARKED || state[t] == TIMED_OUT));
    assert(outcome == GRANTED || !has_lost(kind[t]));
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
    :: won && outcome == RETRY && !reads(kind[t]) -> retrying++
    :: else
    fi
  }
}
#define code (hand_over -> GRANTED : RETRY)
/* Claims all readers, counts them in `more`. */
inline claim_readers() {
  do
  :: atomic { find_first_past(LOST_WRITER, LOST_WRITER);
       if
       :: next != NOBODY && reads(kind[next]) -> remove(next)
       :: else -> next = NOBODY
       fi };
     if
     :: next == NOBODY -> break
     :: else
     fi;
     claim(next, code);
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

/* Sets `next` to a writer that was claimed, or NOBODY. */
inline claim_writer() {
  do
  :: atomic { find_first_past(READER, LOST_READER);
       if
       :: next != NOBODY -> remove(next)
       :: else
       fi };
     if
     :: next == NOBODY -> break
     :: else -> claim(next, code)
     fi;
#ifdef GRANT_WITHOUT_CLAIM
     won = won || hand_over;
#endif
     if
     :: won -> break
     :: else ->
#ifdef STOP_AT_GIVEN_UP
        next = NOBODY; break
#else
        skip
#endif
     fi
  od
}

#ifdef FREE_FORGETS_WAITERS
#define somebody_waits false
#else
#define somebody_waits (length > 0)
#endif

/* The caller is the only owner, and holds the queue's lock. */
inline pass_on(readers_first) {
  atomic {
    next = NOBODY;
#ifndef FREE_PAST_LOST
    hand_over = (length > 0 && has_lost(kind[queue[0]]))
#endif
  };
#ifdef STORE_BEFORE_CLAIM
  atomic {
    lives;
    if
    :: !hand_over -> owner = NOBODY; readers = 0; waiting = (length > 1)
    :: else
    fi
  };
#endif
  to_readers = readers_first;
  do
  :: more == 0 && next == NOBODY && length > 0 ->
     if
     :: to_readers ->
        assert(readers_first || (reads(kind[queue[0]]) && reads(kind[queue[length - 1]])));
        claim_readers()
     :: else -> claim_writer()
     fi;
#ifdef ONE_KIND_ONLY
     break
#else
     to_readers = !to_readers
#endif
  :: else -> break
  od;
  atomic {
    lives;
    if
    :: hand_over -> owner = next; readers = more; waiting = somebody_waits
    :: else ->
#ifndef STORE_BEFORE_CLAIM
       owner = NOBODY; readers = 0; waiting = somebody_waits
#else
       skip
#endif
    fi;
    next = 0; hand_over = false; won = false; more = 0; to_readers = false
  }
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
     :: reads(kind[queue[0]]) && reads(kind[queue[length - 1]]) ->
        if
#ifdef LET_IN_ALWAYS
        :: true ->
#else
        :: atomic { readers == 0 -> lives }
        :: atomic { readers != 0 -> lives };
#endif
           hand_over = true;
           claim_readers();
#ifdef LET_IN_BY_STORE
           atomic { more = more + readers };
           atomic { readers = more };
#else
           atomic { lives; readers = readers + more }; /* fetch_add */
#endif
           atomic { lives; waiting = false; more = 0; next = 0; won = false; hand_over = false }
        fi
     :: else
     fi
#endif
#endif
  fi
}

/* A fast path. */
inline try_take() {
  lives;
  assert(!one_who_lost_waits);
  take();
  taken = true
}
inline has_tried() {
  assert(taken || my_kind != LOST_READER || owner != NOBODY);
  if
  :: my_kind == LOST_WRITER -> retrying--
  :: else
  fi
}

/* Sets `taken`. */
inline lock_slow() {
  my_kind = (is_reader -> READER : WRITER);
  do
  :: lock_queue();
     atomic { /* take_or_announce() */
       lives;
       taken = admits_under_lock;
       if
       :: taken -> take()
       :: else ->
#ifndef NO_ANNOUNCE
          waiting = true
#else
          skip
#endif
       fi;
       has_tried()
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
        atomic { insert() };
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
           :: else -> my_kind = (is_reader -> LOST_READER : LOST_WRITER)
           fi;
           if
           :: atomic { admits_soon -> try_take(); has_tried() };
              settle_giver();
              break
           :: true
           fi
        fi
     fi
  od
}

inline lock_mutex() {
  if
  :: atomic { admits -> try_take() }; settle_giver()
  :: atomic { !admits -> lives }; lock_slow()
  fi
}

inline unlock_mutex() {
  if
  :: atomic { owner == me && !waiting -> lives; owner = NOBODY } /* the last touch */
  :: atomic { owner == me && waiting -> lives };
     lock_queue();
     pass_on(true);
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
     :: last -> pass_on(false)
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
  bool timed, taken, claimed_open, hand_over, to_readers, won, last, destroys;
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
  atomic { /* tried in this order: the first worlds are small, and show most mutants soon */
    if
    :: refs = 3; run task(0, false, 1, false); run task(1, false, 2, true); run task(2, true, 1, false)
    :: refs = 3; run task(0, false, 2, true); run task(1, true, 2, true); run task(2, true, 1, true)
    :: refs = 4; run task(0, false, 1, true); run task(1, true, 1, false);
       run task(2, true, 1, false); run task(3, true, 1, false)
    :: refs = 3; run task(0, false, 2, true); run task(1, false, 2, true); run task(2, true, 1, true)
    :: refs = 4; run task(0, false, 1, false); run task(1, false, 1, true);
       run task(2, true, 1, false); run task(3, true, 1, false)
    fi;
    tasks = refs
  };
  timeout; /* nothing can move any more */
  assert(done == tasks && is_free && !waiting && length == 0 && retrying == 0)
}
