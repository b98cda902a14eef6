/* SPDX-License-Identifier: Apache-2.0
 *
 * server_worker.pml - the protocol of src/kernel_shim/workers/: hand_over.cc, watcher.h,
 * unblocked_queue.h. All interleavings.
 *
 * Two workers, two servers, the watcher. Each worker does one thing, and then ends: it blocks in the
 * kernel, waits (with or without a deadline), or sends the other one a letter and wakes it or swaps
 * with it. Whether the group parks is chosen at the start. In a group that does, the watcher's oracle
 * may lie, while clock and trap do not; in one that does not, it calls any worker blocked that is
 * not INSIDE, so that nobody there need block.
 *
 * A compare-and-swap loop is one step, named as in the code, and takes along what nobody can come
 * between: who has a server in hand, or a worker that is not in the queue yet, has it alone. Left
 * out: the sleep on tasks, which wait_wake_swap.pml has (who sleeps for a change of his word sees
 * it); the order of the queue, but not the servers' sleep; PREEMPTED, which is a wait that ends
 * nothing.
 *
 * What holds:
 *  - a server is in one place: with its thread, in the word of one RUNNING worker, or in the hand of
 *    one who is about to put it into another place;
 *  - in a group that parks a worker in user code is RUNNING: it has a server;
 *  - a worker is pushed only if it is not in the queue, and polled only if it is UNBLOCKED or has
 *    ended there;
 *  - when nothing can move any more, the queue is empty, no server is SERVING, and each worker has
 *    ended, or waits without a wake-up and without a letter.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT SWAP_WITHOUT_LOCK      the next worker is RUNNING before the caller has stopped
 * MUTANT SWAP_QUEUES_NOTHING    a swap to one that does not wait runs it, and is no wake-up
 * MUTANT BLOCK_WITHOUT_CLOCK    the watcher does not look whether the worker has run meanwhile
 * MUTANT BLOCK_WITHOUT_PROPOSAL the watcher looks, then writes BLOCKED over whatever is there
 * MUTANT ENTER_KEEPS_PROPOSAL   a worker that calls us leaves the proposal alone
 * MUTANT SERVING_TOO_LATE       the server is in the worker's word before it is SERVING
 * MUTANT RUN_IGNORES_LOCK       a server runs a worker that a swap has chosen
 * MUTANT GIVE_UP_IGNORES_LOCK   a wait times out although a swap has chosen the worker
 * MUTANT GIVE_UP_WITHOUT_PUSH   a worker whose wait has timed out does not queue for a server
 * MUTANT UNBLOCK_WITHOUT_CAS    watcher and worker both find BLOCKED, both push
 * MUTANT END_KEEPS_SERVER       a worker that ends does not give its server back
 * MUTANT END_LEAVES_QUEUE       one that ends in the queue does not say so to who polls it
 * MUTANT SLEEP_WITHOUT_COMPARE  a server goes to sleep whether or not a worker has come
 */

#define NONE 0
#define RUNNABLE 1
#define RUNNING 2
#define BLOCKED 3
#define UNBLOCKED 4

#define BLOCK 0
#define WAIT 1
#define WAKE 2
#define SWAP 3
#define NOTHING 4 /* is left to do */

#define kNoServer 2
#define kNobody 2

/* A worker's word. */
byte state[2];
byte server[2] = kNoServer;
bit in_wait[2];
bit inside[2];
bit proposed[2];
bit locked[2];
bit queued[2];

bit serving[2];  /* the servers' states: SERVING */
bit in_queue[2]; /* the queue, and how it is slept on */
bit event[2];    /* the count is not what that server has read */
bit asleep[2];

bit parks;
bit trap[2];
bit in_kernel[2]; /* asleep there */
bit looking;      /* the watcher has its lock */
bit removed[2];
bit ran[2];       /* since the watcher last read the clock */

/* The program. */
byte op[2];
bit deadline[2];
bit letter[2];

bit over; /* nothing can move any more */

/* Ghosts. */
bit in_hand[2]; /* that server: somebody is about to put it away */
bit gone[2];    /* NONE + LOCKED: ended in the queue */

inline check_running(s) {
  assert(!(state[0] == RUNNING && state[1] == RUNNING && server[0] == server[1]));
  assert(!in_hand[s]);
  assert(serving[s])
}

inline push(w) {
  atomic {
    assert(!in_queue[w]);
    in_queue[w] = 1;
    event[0] = 1;
    event[1] = 1;
    if /* futex_wake */
    :: asleep[0] -> asleep[0] = 0
    :: asleep[1] -> asleep[1] = 0
    :: else
    fi
  }
}

/* Out of the worker's word, into the caller's hand. */
inline take_server(w) {
  s = server[w];
  server[w] = kNoServer;
  in_hand[s] = 1
}

/* The server is in the caller's hand. */
inline give_server_back() {
  atomic {
    assert(in_hand[s] && serving[s]);
    in_hand[s] = 0;
    serving[s] = 0;
    s = kNoServer
  }
}

/* From user code, or in a handler that has kept it from running any. */
inline enter(w, trapped) {
  atomic {
    assert(!inside[w]);
    assert(trapped || !parks || state[w] == RUNNING);
    inside[w] = 1;
    ran[w] = 1;
#ifndef ENTER_KEEPS_PROPOSAL
    proposed[w] = 0
#endif
  }
}

inline become_unblocked(w) {
#ifdef UNBLOCK_WITHOUT_CAS
  done = (state[w] == BLOCKED);
#else
  atomic {
    done = (state[w] == BLOCKED);
#endif
    if
    :: done -> state[w] = UNBLOCKED; push(w); done = 0
    :: else
    fi
#ifndef UNBLOCK_WITHOUT_CAS
  }
#endif
}

#ifdef GIVE_UP_IGNORES_LOCK
#define is_locked(w) false
#else
#define is_locked(w) locked[w]
#endif

/* It waits for nothing else, or no longer. If it leaves, at once. */
inline sleep_until_run(w, leaves) {
  if
  :: over -> goto out
  :: atomic { state[w] == RUNNING -> inside[w] = !leaves; ran[w] = 1 }
  fi
}

inline sleep_in_wait(w) {
  do
  :: over -> goto out
  :: atomic { state[w] == RUNNING -> inside[w] = 0; ran[w] = 1; break }
  :: atomic { /* its time has come, or a signal */
       deadline[w] && state[w] == RUNNABLE && in_wait[w] && !is_locked(w) ->
       state[w] = UNBLOCKED;
       in_wait[w] = 0;
       deadline[w] = 0;
#ifndef GIVE_UP_WITHOUT_PUSH
       push(w)
#endif
     }
  od
}

inline have_server(w) {
  if
  :: parks || state[w] == BLOCKED -> trap[w] = 0; become_unblocked(w)
  :: else
  fi;
  sleep_until_run(w, false)
}

/* The other worker gets the server, if it was chosen and locked. */
inline wait_with(w) {
  atomic {
    if
    :: queued[w] -> queued[w] = 0
    :: else ->
#ifdef SWAP_WITHOUT_LOCK
       if
       :: next == kNobody -> take_server(w)
       :: else -> server[w] = kNoServer
       fi;
#else
       take_server(w);
#endif
       state[w] = RUNNABLE;
       in_wait[w] = 1;
       if
       :: next == kNobody -> give_server_back()
       :: else
       fi
    fi
  };
  if
  :: next != kNobody && in_wait[w] -> atomic { /* pass_server_on */
#ifndef SWAP_WITHOUT_LOCK
       if
       :: state[next] == RUNNABLE && locked[next] ->
          state[next] = RUNNING;
          server[next] = s;
          in_hand[s] = 0;
          in_wait[next] = 0;
          locked[next] = 0;
          check_running(s);
          s = kNoServer
       :: else -> give_server_back() /* its thread has ended */
       fi;
#endif
       next = kNobody
     }
  :: next != kNobody && !in_wait[w] -> /* unlock_and_wake */
     atomic {
       done = (state[next] == RUNNABLE && locked[next]);
       if
       :: done ->
          state[next] = UNBLOCKED;
          in_wait[next] = 0;
          locked[next] = 0
       :: else
       fi
     };
     atomic {
       if
       :: done -> push(next); done = 0
       :: else
       fi;
       next = kNobody
     }
  :: else
  fi;
  sleep_in_wait(w)
}

/* Sets next, if the other worker can be run. */
inline lock_for_swap(w) {
  atomic {
    if
    :: state[w] == RUNNABLE && !locked[w] && (in_wait[w] || !queued[w]) ->
       next = w;
#ifndef SWAP_QUEUES_NOTHING
       if
       :: !in_wait[w] -> queued[w] = 1
       :: else
       fi;
#endif
#ifdef SWAP_WITHOUT_LOCK
       state[w] = RUNNING;
       server[w] = server[me];
       in_wait[w] = 0;
       check_running(server[w])
#else
       locked[w] = 1
#endif
    :: else
    fi
  }
}

inline wake_member(w) {
  atomic {
    if
    :: state[w] == NONE
    :: state[w] == RUNNABLE && in_wait[w] && !locked[w] ->
       state[w] = UNBLOCKED;
       in_wait[w] = 0;
       push(w)
    :: else -> queued[w] = 1
    fi
  }
}

inline block(w) {
  atomic { in_kernel[w] = 1; ran[w] = 1 };
  atomic { in_kernel[w] = 0; ran[w] = 1 };
  if
  :: trap[w] -> /* on_trap, before the next instruction */
     trap[w] = 0;
     enter(w, true);
     have_server(w);
     inside[w] = 0
  :: else
  fi
}

inline end_member(w) {
  atomic {
    !looking -> removed[w] = 1; /* Watcher::remove, under its lock */
    trap[w] = 0;
    if
    :: state[w] == UNBLOCKED ->
#ifndef END_LEAVES_QUEUE
       gone[w] = 1
#endif
    :: state[w] == RUNNING ->
       take_server(w);
#ifndef END_KEEPS_SERVER
       give_server_back()
#endif
    :: else
    fi;
    state[w] = NONE;
    in_wait[w] = 0;
    locked[w] = 0;
    queued[w] = 0;
    proposed[w] = 0
  }
}

proctype worker(bit me) {
  byte s = kNoServer;
  byte next = kNobody;
  bit done;
  sleep_until_run(me, true); /* start_member: init has pushed it */
  if
  :: op[me] == BLOCK -> block(me)
  :: op[me] == WAIT && letter[me]
  :: else ->
     atomic {
       if
       :: op[me] != WAIT -> letter[me] = 0; letter[1 - me] = 1
       :: else
       fi;
       enter(me, false)
     };
     if
     :: op[me] != WAKE -> have_server(me)
     :: else
     fi;
     if
     :: op[me] == SWAP -> lock_for_swap(1 - me)
     :: else
     fi;
     if
     :: op[me] != WAIT && next == kNobody -> wake_member(1 - me)
     :: else
     fi;
     if
     :: op[me] != WAKE -> wait_with(me)
     :: else -> inside[me] = 0
     fi
  fi;
  atomic { op[me] = NOTHING; deadline[me] = 0; letter[me] = 0 };
  if
  :: enter(me, false); have_server(me) /* unregisters, or */
  :: !parks -> enter(me, false)        /* its thread ends */
  fi;
  end_member(me);
out:
  skip
}

proctype serve(bit me) {
  byte w = kNobody;
  do
  :: atomic { /* pop: the count is read, then the queue */
       w == kNobody ->
       event[me] = 0;
       if
       :: in_queue[0] -> in_queue[0] = 0; w = 0
       :: in_queue[1] -> in_queue[1] = 0; w = 1
       :: else
       fi
     };
     if
     :: w == kNobody ->
        atomic { /* futex_wait */
#ifndef SLEEP_WITHOUT_COMPARE
          if
          :: !event[me] -> asleep[me] = 1
          :: else
          fi
#else
          asleep[me] = 1
#endif
        };
        if
        :: !asleep[me]
        :: over -> goto out
        fi
     :: else ->
        atomic { /* poll_worker */
          if
          :: gone[w] -> gone[w] = 0; w = kNobody /* release_ended */
          :: else -> assert(state[w] == UNBLOCKED); state[w] = RUNNABLE
          fi
        }
     fi
  :: atomic { w != kNobody -> /* run_worker */
#ifndef SERVING_TOO_LATE
       serving[me] = 1;
#endif
       if
#ifdef RUN_IGNORES_LOCK
       :: state[w] == RUNNABLE ->
#else
       :: state[w] == RUNNABLE && !locked[w] ->
#endif
          state[w] = RUNNING;
          server[w] = me;
          in_wait[w] = 0;
          locked[w] = 0
       :: else -> serving[me] = 0; w = kNobody
       fi
     };
     if
     :: w != kNobody ->
#ifdef SERVING_TOO_LATE
        serving[me] = 1;
#endif
        w = kNobody;
        if
        :: over -> goto out
        :: !serving[me]
        fi
     :: else
     fi
  od;
out:
  skip
}

#ifdef BLOCK_WITHOUT_PROPOSAL
#define may_commit(w) (state[w] == RUNNING)
#else
#define may_commit(w) proposed[w]
#endif
#define is_seen(w) (state[w] == RUNNING && !inside[w] && !removed[w])
#define is_blocked(w) (state[w] == BLOCKED && !inside[w] && !removed[w])

proctype watcher() {
  byte w = 0;
  byte s = kNoServer;
  bit done;
  do
  :: over -> break
  :: atomic { !parks && (is_seen(0) || is_seen(1)) -> /* detach */
       looking = 1;
       if
       :: is_seen(0) -> w = 0
       :: is_seen(1) -> w = 1
       fi;
       state[w] = BLOCKED;
       take_server(w);
       give_server_back();
       looking = 0;
       w = 0
     }
  :: atomic { !parks && (is_blocked(0) || is_blocked(1)) ->
       looking = 1;
       if
       :: is_blocked(0) -> w = 0
       :: is_blocked(1) -> w = 1
       fi
     };
     become_unblocked(w);
     atomic { looking = 0; w = 0 }
  :: atomic { parks && ((is_seen(0) && in_kernel[0]) || (is_seen(1) && in_kernel[1])) ->
       looking = 1;
       if
       :: is_seen(0) && in_kernel[0] -> w = 0
       :: is_seen(1) && in_kernel[1] -> w = 1
       fi;
       ran[w] = 0 /* detach_and_trap: the clock is read, and the address */
     };
#ifndef BLOCK_WITHOUT_PROPOSAL
     atomic {
       if
       :: is_seen(w) -> proposed[w] = 1; done = 1
       :: else
       fi
     };
#else
     done = 1;
#endif
     if
     :: done ->
        trap[w] = 1;
#ifndef BLOCK_WITHOUT_CLOCK
        done = !ran[w];
#endif
        atomic {
          if
          :: may_commit(w) && done ->
             state[w] = BLOCKED;
             take_server(w);
             give_server_back();
             done = 0
          :: else -> done = 1
          fi;
          proposed[w] = 0
        };
        atomic {
          if
          :: done -> trap[w] = 0; done = 0
          :: else
          fi
        }
     :: else
     fi;
     atomic { looking = 0; ran[w] = 1; w = 0 }
  od
}

init {
  byte i;
  atomic {
    if
    :: parks = 1; op[0] = BLOCK; op[1] = BLOCK
    :: parks = 1; op[0] = BLOCK; op[1] = WAIT
    :: parks = 1; op[0] = BLOCK; op[1] = SWAP
    :: parks = 0; op[0] = WAIT; op[1] = WAKE
    :: parks = 0; op[0] = WAIT; op[1] = SWAP
    :: parks = 0; op[0] = SWAP; op[1] = SWAP
    fi;
    for (i : 0 .. 1) {
      if
      :: op[i] == WAIT && op[1] == SWAP -> deadline[i] = 1
      :: deadline[i] = 0
      fi
    }
    for (i : 0 .. 1) {
      state[i] = UNBLOCKED;
      inside[i] = 1;
      ran[i] = 1;
      in_queue[i] = 1;
      run worker(i);
      run serve(i)
    }
    i = 0;
    run watcher()
  };
  atomic {
    timeout;
    for (i : 0 .. 1) {
      assert(state[i] == NONE || (state[i] == RUNNABLE && in_wait[i] && !locked[i]));
      assert(state[i] == NONE || (!queued[i] && !letter[i]));
      assert(!gone[i] && !in_queue[i] && !serving[i])
    }
    over = 1
  }
}
