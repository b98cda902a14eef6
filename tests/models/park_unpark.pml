/* SPDX-License-Identifier: Apache-2.0
 *
 * park_unpark.pml - who ends a wait, and when what was waited on may be destroyed: the protocol of
 * src/runtime/waiting/waiter.h, with the lock of wait_queue.h and the flag of event_word.h.
 *
 * One waiter, a fiber or a thread, waits once for an event; when the wait has returned it destroys
 * the waiter and the timer, and, if the event was set, the event. At the same time the event is set, a
 * timer fires, and a stop is requested. Each of the three may try to end the wait. Steps are named
 * as in waiter.cc, scheduler.cc (park, after_switch), event_word.cc and timer_heap.cc.
 *
 * Loads, stores and compare-and-swaps are single steps in one order: what the orders of waiter.h add
 * to that is not modelled. Locks are taken in one step when they are free. A stop callback is
 * std::stop_callback's: its destructor waits for the end of a callback that is just running. A
 * wake-up of a thread stays until it is taken (see wait_wake_swap.pml) and may name a thread that no
 * longer waits. A fiber's context is saved when its worker has arrived on the far side of the
 * switch; it goes on when somebody has made it ready, on any worker.
 *
 * What holds:
 *  - nobody touches the event, the waiter or the timer after they were destroyed;
 *  - exactly one claim wins, and the outcome is that one's;
 *  - a parked fiber is made ready exactly once, and only after its context was saved; one that did
 *    not park is made ready by nobody;
 *  - the wait ends: nothing is stuck when nothing can move any more.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT CLAIM_BY_STORE         claim without comparing
 * MUTANT CLAIM_FROM_OPEN_READIES whoever claims from kOpen makes the fiber ready too
 * MUTANT CLAIM_FROM_PARKED_LEAVES whoever claims from kParked does not
 * MUTANT PARKED_BEFORE_SAVED    kOpen -> kParked on the near side of the switch
 * MUTANT FAR_SIDE_FORGETS       a claim found on the far side does not make the fiber ready
 * MUTANT NO_SETTLE              a wait that was granted does not pass through the lock
 * MUTANT NO_SETTLE_IF_PARKED    ... a thread's does not if it had slept
 * MUTANT EARLY_CLAIM_IS_PARKED  a claim noticed before the switch is not noted as claimed_open
 * MUTANT READY_UNDER_LOCK       make the fiber ready before the lock is released
 * MUTANT CLAIM_WITHOUT_LOCK     claim after the lock was released
 * MUTANT NO_WITHDRAW            a wait ended by timer or stop leaves its node in the queue
 * MUTANT NO_CANCEL              ... and its timer in the heap
 * MUTANT FIRE_WITHOUT_LOCK      a timer claims after the heap's lock was released
 * MUTANT STOP_NOT_AWAITED       the stop callback may still run when the wait returns
 * MUTANT FLAG_BEFORE_UNLOCK     the flag shows while the setter still holds the lock
 */
mtype = { OPEN, PARKED, TIMED_OUT, STOP_ASKED, GRANTED };

bool fiber; /* else a thread */

/* The waiter. */
mtype state = OPEN;
bool claimed_open;
/* The event: its word is `locked`, `flag` and the list. */
bool locked, flag, linked;
/* The heap and its lock outlive the wait, the timer does not. */
bool heap_locked, timer_linked;
/* The stop state outlives the wait. */
bool stop_asked, registered, callback_runs;

bool saved;  /* the fiber's context */
bool left;   /* the worker is on the far side, */
bool parked; /* and has moved the waiter to kParked */
byte ready;  /* times the fiber stands in a run queue */
bool wakeup; /* queued at the thread */

/* Ghosts. */
bool event_gone, waiter_gone; /* destroyed */
byte wins;
mtype winner;
bool has_parked;

#define event_lives assert(!event_gone)
#define waiter_lives assert(!waiter_gone)

inline lock_queue() {
  atomic { !locked -> event_lives; locked = true }
}
inline unlock_queue() {
  atomic { event_lives; locked = false }
}

/* `won`, `make` (a fiber or thread is to be woken) */
inline try_claim(outcome) {
#ifdef CLAIM_BY_STORE
  atomic { /* load */
    waiter_lives;
    won = (state == OPEN || state == PARKED);
    make = (state == PARKED)
  };
  atomic {
    if
    :: won -> waiter_lives; state = outcome; wins++; winner = outcome
    :: else
    fi
  }
#else
  atomic { /* compare_exchange, again until it is decided */
    waiter_lives;
    won = (state == OPEN || state == PARKED);
    make = (state == PARKED);
    if
    :: won -> state = outcome; wins++; winner = outcome
    :: else
    fi
  }
#endif
  ;
#ifdef CLAIM_FROM_OPEN_READIES
  make = won;
#endif
#ifdef CLAIM_FROM_PARKED_LEAVES
  make = false;
#endif
}

/* Of fiber or thread. */
inline make_ready() {
  atomic {
    if
    :: make && fiber -> ready++; assert(has_parked && saved && ready == 1)
    :: make && !fiber -> wakeup = true
    :: else
    fi;
    make = false
  }
}

/* --- who waits --- */

inline park() {
  if
  :: atomic { state != OPEN && state != PARKED -> waiter_lives; /* is_claimed() */
#ifndef EARLY_CLAIM_IS_PARKED
       claimed_open = true
#endif
     }
  :: atomic { state == OPEN -> waiter_lives; has_parked = true };
#ifdef PARKED_BEFORE_SAVED
     atomic {
       if
       :: state == OPEN -> state = PARKED; parked = true
       :: else
       fi
     };
#endif
     atomic { saved = true; left = true }; /* suspend() */
     atomic { ready > 0 -> ready--; assert(saved); saved = false } /* on any worker */
  fi
}

/* The rest of the switch, on the worker that the fiber has left. */
proctype far_side() {
end_far_side:
  left;
#ifdef PARKED_BEFORE_SAVED
  skip;
#else
  atomic { /* settle_parked() */
    waiter_lives;
    if
    :: state == OPEN -> state = PARKED; parked = true
    :: else
    fi
  };
#endif
  if
  :: !parked ->
     atomic { waiter_lives; claimed_open = true };
#ifndef FAR_SIDE_FORGETS
     atomic { ready++; assert(saved && ready == 1) } /* push_ready */
#endif
  :: else
  fi
}

inline wait_as_thread() {
  atomic { /* settle_parked() */
    waiter_lives;
    if
    :: state == OPEN -> state = PARKED
    :: else -> claimed_open = true
    fi
  };
  do
  :: state != PARKED -> break
  :: else -> /* shim::wait() */
     if
     :: atomic { wakeup -> wakeup = false }
     :: timed -> try_claim(TIMED_OUT); make = false; timed = false
     fi
  od
}

inline cancel_timer() {
#ifdef NO_CANCEL
  skip
#else
  atomic { !heap_locked -> heap_locked = true };
  atomic { waiter_lives; timer_linked = false; heap_locked = false }
#endif
}

proctype waiting_side() {
  bool won, make, timed, with_stop;
  atomic {
    if
    :: timed = true
    :: timed = false
    fi;
    if
    :: with_stop = true
    :: with_stop = false
    fi
  };
  if /* wait_event() */
  :: flag -> goto granted_early
  :: else
  fi;
  lock_queue();
  if
  :: flag -> unlock_queue(); goto granted_early
  :: else
  fi;
  linked = true;
  unlock_queue();

  if /* Waiter::wait() */
  :: with_stop ->
     if
     :: atomic { !stop_asked -> registered = true }
     :: atomic { stop_asked -> skip }; /* the callback runs at once, here */
        try_claim(STOP_ASKED); assert(!make) /* make_ready() has nothing to do */
     fi
  :: else
  fi;
  if
  :: fiber ->
     if
     :: timed -> /* arm_timer() */
        atomic { !heap_locked -> heap_locked = true };
        atomic { timer_linked = true; heap_locked = false };
        park();
        cancel_timer()
     :: else -> park()
     fi
  :: else -> wait_as_thread()
  fi;
  if /* ~stop_callback() */
  :: with_stop -> registered = false;
#ifndef STOP_NOT_AWAITED
     !callback_runs
#endif
  :: else
  fi;

  if
  :: state == GRANTED -> /* settle() */
#if defined(NO_SETTLE)
     skip
#elif defined(NO_SETTLE_IF_PARKED)
     if
     :: claimed_open -> lock_queue(); unlock_queue()
     :: else
     fi
#else
     if
     :: claimed_open || !fiber -> lock_queue(); unlock_queue()
     :: else
     fi
#endif
  :: else -> /* withdraw() */
#ifndef NO_WITHDRAW
     lock_queue();
     linked = false;
     unlock_queue()
#endif
  fi;
  assert(wins == 1 && winner == state);
  if
  :: state != GRANTED ->
     waiter_gone = true;
     if /* wait_event() again, if only with its first look */
     :: flag -> goto granted_early
     :: else -> goto done /* the event is still to be set, and must live */
     fi
  :: else
  fi;
granted_early:
  atomic { waiter_gone = true; event_gone = true };
done:
  assert(ready == 0)
}

/* --- who ends it --- */

/* set_event() */
proctype setter() {
  bool won, make;
  if
  :: atomic { !locked && !linked && !flag -> event_lives; flag = true } /* the fast path; the last touch */
  :: atomic { locked || linked -> skip }; /* set_event_slow() */
     lock_queue();
#ifdef FLAG_BEFORE_UNLOCK
     flag = true;
#endif
     if
     :: linked -> waiter_lives; linked = false;
#ifdef CLAIM_WITHOUT_LOCK
        atomic { event_lives; flag = true; locked = false };
        try_claim(GRANTED);
        make_ready();
        goto done
#else
        try_claim(GRANTED)
#endif
     :: else
     fi;
#ifdef READY_UNDER_LOCK
     make_ready();
#endif
     atomic { event_lives; flag = true; locked = false }; /* the last touch */
     make_ready()
  fi;
done:
  skip
}

/* TimerHeap::fire() */
proctype timer() {
  bool won, make;
end_timer:
  atomic { timer_linked && !heap_locked -> heap_locked = true };
  if
  :: timer_linked -> waiter_lives; timer_linked = false;
#ifdef FIRE_WITHOUT_LOCK
     heap_locked = false;
#endif
     try_claim(TIMED_OUT)
  :: else
  fi;
  heap_locked = false;
  make_ready()
}

/* std::stop_source::request_stop() */
proctype stopper() {
  bool won, make;
  if
  :: atomic { registered -> stop_asked = true; callback_runs = true };
     try_claim(STOP_ASKED);
     make_ready();
     callback_runs = false
  :: atomic { !registered -> stop_asked = true }
  fi
}

init {
  atomic {
    if
    :: fiber = true
    :: fiber = false
    fi;
    run waiting_side(); run far_side(); run setter(); run timer(); run stopper()
  };
  timeout; /* nothing can move any more */
  assert(waiter_gone && ready == 0 && !locked && !heap_locked)
}
