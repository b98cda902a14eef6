/* SPDX-License-Identifier: Apache-2.0
 *
 * rpc_calls.pml - who is woken when: the callers of src/rpc/callers.h and client.cc, the listener of
 * server.cc, and the words of two tasks in shared memory (wait_wake.h with LOOK, shared_group.cc).
 *
 * One client with two callers and one slot; each calls once. Caller 0 may have a deadline, which
 * may pass at any time. The server may be closed at any time, or never: its end would hide a lost
 * wake-up. Steps are named as in the code. Handlers answer at once, in the listener; "the oldest of
 * those that wait" is any of them. What is done under the client's mutex is one step, with the bits
 * that the server may set meanwhile: it wakes the client after each. A wake-up is one step, and so
 * is a nudge (wait_wake_swap.pml takes wake-ups apart); the kernel compares and goes to sleep in one
 * step. A turn is an event: set() and wait() are single steps.
 *
 * With three callers: 14 million states, no errors.
 *
 * That all are told of a welcome and of the server's end is for speed: without it each that leaves
 * would name the next, who would see it.
 *
 * What holds:
 *  - when nothing can move any more all calls are over, nobody leads, and the slot is free;
 *  - a slot is the server's from its pending bit to its done bit or the server's end: nobody else
 *    writes into it;
 *  - there is a leader whenever somebody waits.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT TELL_SPARES_LEADER    tell() sets the leader's turn and does not wake the task
 * MUTANT LEAVES_NO_LEADER      the leader leaves and names no other
 * MUTANT NAMED_NOT_TOLD        ... or does not tell him
 * MUTANT NAMED_SLEEPS          ... or he sleeps without a look
 * MUTANT RESET_AFTER_UNLOCK    a turn is reset when the mutex has been released
 * MUTANT PUT_BACK_SILENT       who puts a slot back tells nobody
 * MUTANT ANSWER_SILENT         the leader does not tell whose answer it has seen
 * MUTANT GIVEN_UP_IS_FREE      a call that gives up puts its slot back at once
 * MUTANT GIVEN_UP_IS_LOST      the response to a call that gave up does not put its slot back
 * MUTANT TAKEN_UNSEEN          a caller that has let others go first does not wake the server,
 *                              though its request is not taken
 * MUTANT PENDING_AFTER_WAKE    the client wakes the server, then sets the bit
 * MUTANT DONE_AFTER_WAKE       the server wakes the client, then sets the bit
 * MUTANT WELCOME_UNWOKEN       the server welcomes a client and does not wake it
 * MUTANT WAKE_DOES_NOT_QUEUE   a wake-up of a task that is awake leaves no trace
 * MUTANT NUDGE_BEFORE_NOTE     who leaves nudges its peers before it has said so
 * MUTANT NUDGE_WITHOUT_MARK    ... or wakes them without the mark in their word
 * MUTANT NUDGED_SLEEPS_ON      who is nudged takes the mark back and does not look
 */
#define kCallers 2
#define NOBODY 2
#define CLIENT 0
#define SERVER 1

mtype = { READY, CLOSED, TIMEOUT, NOT_YET };
mtype = { NONE, RUNNABLE, LOOK, RUNNING, QUEUED }; /* LOOK: RUNNABLE|LOOK */

/* In shared memory. */
mtype word[2] = RUNNING;
bool hello, welcome, pending, done;
bool asleep[2]; /* on the word's futex */

/* The client's, under its mutex. */
bool locked; /* over more than one step */
byte leader = NOBODY;
bool waiting[kCallers], turn[kCallers], answered[kCallers];
bool has_server, welcomed, free_slot = true;
byte calls = NOBODY; /* whose the slot is */

bool stop; /* of the listener */

/* Ghosts. */
bool may_close, is_servers;
byte over;

/* In a step. Sets `gone`: -ESRCH. */
inline wake(t) {
  gone = (word[t] == NONE);
  if
  :: word[t] == RUNNABLE || word[t] == LOOK -> word[t] = RUNNING; asleep[t] = false
#ifndef WAKE_DOES_NOT_QUEUE
  :: word[t] == RUNNING -> word[t] = QUEUED
#endif
  :: else
  fi
}

/* In a step. */
inline nudge(t) {
#ifdef NUDGE_WITHOUT_MARK
  asleep[t] = false
#else
  if
  :: word[t] == RUNNABLE -> word[t] = LOOK; asleep[t] = false
  :: else
  fi
#endif
}

/* load, take the mark back, look(). Sets `gone`: -EPIPE. */
inline look_at_word(t, peer) {
  nudged = (word[t] == LOOK);
  if
  :: nudged -> word[t] = RUNNABLE
  :: else
  fi;
#ifdef NUDGED_SLEEPS_ON
  gone = (word[t] == RUNNABLE && peer && !nudged && word[SERVER] == NONE);
#else
  gone = (word[t] == RUNNABLE && peer && word[SERVER] == NONE);
#endif
  nudged = false
}

/* `peer`: whether the server's end ends it. */
inline shared_wait(t, peer, deadline) {
  atomic { /* prepare_wait */
    assert(word[t] == RUNNING || word[t] == QUEUED);
    word[t] = (word[t] == QUEUED -> RUNNING : RUNNABLE);
    look_at_word(t, peer)
  };
  do
  :: word[t] == RUNNING || word[t] == QUEUED || gone || timed_out ->
     atomic {
       timed_out = false;
       if
       :: word[t] == RUNNABLE || word[t] == LOOK -> word[t] = RUNNING /* give up */
       :: else -> gone = false
       fi;
       break
     }
  :: else ->
     asleep[t] = (word[t] == RUNNABLE); /* FUTEX_WAIT */
end_asleep:
     atomic {
       if
       :: !asleep[t]
       :: deadline && asleep[t] -> asleep[t] = false; timed_out = true
       fi;
       look_at_word(t, peer)
     }
  od
}

/* --- the client, under its mutex: parts of a step --- */

inline tell(c) {
  turn[c] = true;
#ifndef TELL_SPARES_LEADER
  if
  :: leader == c -> wake(CLIENT)
  :: else
  fi
#endif
}

inline tell_all() {
  i = 0;
  do
  :: i < kCallers ->
     if
     :: waiting[i] -> tell(i)
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

inline put_back() {
  free_slot = true;
#ifndef PUT_BACK_SILENT
  if
  :: has_server && waiting[0] -> tell(0)
  :: has_server && waiting[1] -> tell(1)
  :: else
  fi
#endif
}

inline has_ended() {
  if
  :: has_server ->
     has_server = false; welcomed = false;
     if
     :: calls == NOBODY -> free_slot = true
     :: else
     fi;
     tell_all()
  :: else
  fi
}

inline look() {
  if
  :: has_server && !welcomed && welcome ->
     welcomed = true;
     tell_all()
  :: else
  fi;
  if
  :: done && !free_slot && calls != NOBODY ->
     answered[calls] = true;
#ifndef ANSWER_SILENT
     if
     :: calls != me -> tell(calls)
     :: else
     fi
#endif
  :: done && !free_slot && calls == NOBODY ->
#ifndef GIVEN_UP_IS_LOST
     put_back()
#endif
  :: else
  fi;
  done = false
}

/* The leader, if it is one, names another. */
inline leave() {
  waiting[me] = false;
  if
  :: leader == me ->
     if
#ifdef LEAVES_NO_LEADER
     :: true -> leader = NOBODY
#else
     :: waiting[0] -> leader = 0
     :: waiting[1] -> leader = 1
     :: else -> leader = NOBODY
#endif
     fi;
#ifndef NAMED_NOT_TOLD
     if
     :: leader != NOBODY -> turn[leader] = true
     :: else
     fi
#endif
  :: else
  fi;
  assert(leader != NOBODY || (!waiting[0] && !waiting[1]))
}

/* For the slot, or if it has one for the answer. Sets `result`. */
inline wait() {
  do
  :: atomic {
       !locked ->
       waiting[me] = true;
       result = NOT_YET;
       if
#ifdef NAMED_SLEEPS
       :: leader == me && was_told
       :: else ->
#else
       :: true ->
#endif
          look();
          if
          :: calls != me && has_server && welcomed && free_slot ->
             free_slot = false; calls = me; result = READY
          :: calls == me && answered[me] -> result = READY
          :: else ->
             if
             :: !has_server -> result = CLOSED
             :: has_server && has_deadline -> result = TIMEOUT
             :: has_server
             fi
          fi
       fi;
       was_told = false;
       if
       :: result != NOT_YET -> leave(); break
       :: else
       fi;
       if
       :: leader == NOBODY -> leader = me
       :: else
       fi;
       leads = (leader == me);
#ifndef RESET_AFTER_UNLOCK
       if
       :: !leads -> turn[me] = false
       :: else
       fi
#endif
     };
     if
     :: leads ->
        leads = false;
        shared_wait(CLIENT, true, has_deadline);
        if
        :: gone -> atomic { !locked -> has_ended(); gone = false }
        :: else
        fi
     :: else ->
#ifdef RESET_AFTER_UNLOCK
        turn[me] = false;
#endif
        atomic {
          if
          :: turn[me] -> was_told = true
          :: has_deadline
          fi
        }
     fi
  od
}

proctype caller(byte me) {
  bool has_deadline, mine, gone, nudged, timed_out, leads, was_told;
  mtype result = READY;
  byte i;

  atomic { /* get_slot */
    !locked ->
    if
    :: me == 0 -> has_deadline = true
    :: true
    fi;
    if
    :: !has_server -> mine = true; locked = true; hello = true /* say_hello */
    :: else
    fi
  };
  if
  :: mine ->
     atomic {
       wake(SERVER);
       if
       :: gone -> result = CLOSED; gone = false
       :: else -> has_server = true
       fi;
       mine = false; locked = false
     }
  :: else
  fi;
  do
  :: result != READY -> break
  :: else ->
     wait(); /* get_slot, await_answer */
     if
     :: result != READY || answered[me] -> break
     :: else
     fi;
     assert(!is_servers); /* the request is written */
#ifdef PENDING_AFTER_WAKE
     atomic { wake(SERVER); gone = false };
#endif
     atomic { /* publish */
       !locked ->
       if
       :: has_server -> mine = true; pending = true; is_servers = (word[SERVER] != NONE)
       :: else
       fi
     };
     if
     :: mine ->
        mine = false;
#ifndef PENDING_AFTER_WAKE
        if
#ifdef TAKEN_UNSEEN
        :: true
#else
        :: !pending /* is_taken_meanwhile */
#endif
        :: atomic { wake(SERVER) };
           if
           :: gone -> atomic { !locked -> has_ended(); gone = false }
           :: else
           fi
        fi
#endif
     :: else
     fi
  od;
  assert(!answered[me] || !is_servers); /* the response is read */
  if
  :: calls == me ->
     atomic { /* leave_slot */
       !locked ->
       calls = NOBODY;
#ifdef GIVEN_UP_IS_FREE
       put_back();
#else
       if
       :: answered[me] || !has_server -> put_back()
       :: else
       fi;
#endif
       gone = false
     }
  :: else
  fi;
  atomic { over++; has_deadline = false; result = READY }
}

proctype listener() {
  bool gone, nudged, timed_out, took;
  do
  :: stop -> break
  :: else ->
     if
     :: atomic { hello && !welcome -> welcome = true };
#ifndef WELCOME_UNWOKEN
        atomic { wake(CLIENT); gone = false }
#endif
     :: else
     fi;
     atomic { took = pending; pending = false };
     if
     :: took -> /* serve */
        took = false;
#ifdef DONE_AFTER_WAKE
        atomic { wake(CLIENT); gone = false };
#endif
        atomic { assert(is_servers); done = true; is_servers = false };
#ifndef DONE_AFTER_WAKE
        atomic { wake(CLIENT); gone = false }
#endif
     :: else -> shared_wait(SERVER, false, false)
     fi
  od;
#ifdef NUDGE_BEFORE_NOTE
  atomic { nudge(CLIENT) };
#endif
  atomic { word[SERVER] = NONE; is_servers = false }; /* umcg_shared_leave */
#ifndef NUDGE_BEFORE_NOTE
  atomic { nudge(CLIENT) }
#endif
}

proctype closer() {
  bool gone;
end_open:
  atomic { may_close -> stop = true };
  atomic { wake(SERVER) }
}

init {
  byte c;
  atomic {
    if
    :: may_close = true
    :: may_close = false
    fi;
    run listener();
    for (c : 0 .. kCallers - 1) { run caller(c) }
    run closer()
  };
  timeout; /* nothing can move any more */
  assert(over == kCallers);
  assert(leader == NOBODY && calls == NOBODY);
  assert(free_slot || done || word[SERVER] == NONE)
}
