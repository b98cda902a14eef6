/* SPDX-License-Identifier: Apache-2.0
 *
 * standby.pml - the standby of src/runtime/handoff/standby.h: when it sleeps, and how it asks the
 * spare for a claim. All interleavings.
 *
 * Two servers. Of server 0 the holder queues kPushes fibers (push_ready, notify_work) and then blocks
 * for ever; its standby looks, goes to sleep when it sees nothing queued, and pokes the spare when it
 * sees the block. It may be off the CPU for any time between any two steps. Worker 1 is the spare of
 * server 0, worker 2 is on the idle list. Meanwhile somebody else takes a worker for server 1, once
 * (take_for: spare of its own, idle list, another one's spare), and assigns it; and somebody takes the
 * spare out and puts it back, kMoves times (as the monitor, whose ask comes to nothing).
 * All variables are seq_cst in the code where it matters, so steps here are single.
 *
 * What holds: a fiber that is queued behind the blocked holder is got at: in the end server 0 is
 * claimed if a worker is left for it. No worker holds two servers, stands in two places, or is left
 * with an order that nobody executes.
 *
 * MUTANT NO_LAST_LOOK      the standby sleeps without looking once more
 * MUTANT ANNOUNCE_LATE     it looks, then enters `unwatched`
 * MUTANT NOTIFY_FIRST      the holder looks at `unwatched`, then stores the fiber
 * MUTANT POKE_IS_AN_ORDER  who is poked claims without taking himself out of the slot
 * MUTANT POKE_TAKES_OUT    the standby takes the spare out first, and may never come to ask it
 * MUTANT ORDER_NOT_WOKEN   who gives an order does not wake the worker
 */
#define kPushes 2
#define kMoves 1
#define NONE 255

byte queued;
bool blocked, unwatched, armed_wake;
byte spare0 = 1, idle_list = 2;
byte holder[2] = NONE; /* of each server: who took it, NONE: nobody has */
byte poked[3] = NONE, assigned[3] = NONE;
bool wake[3];
byte moves;

#define places(w) ((spare0 == w) + (idle_list == w) + (holder[0] == w) + (holder[1] == w))

inline arm() {
  atomic {
    if
    :: unwatched -> unwatched = false; armed_wake = true
    :: else
    fi
  }
}

active proctype owner() {
  byte n;
  do
  :: n < kPushes ->
#ifdef NOTIFY_FIRST
     arm(); queued++;
#else
     queued++; arm();
#endif
     n++
  :: n == kPushes -> break
  :: n > 0 -> break
  od;
  blocked = true
}

active proctype standby() {
  byte w = NONE;
end_standby:
  do
  :: queued == 0 -> /* look: nothing behind it */
#ifdef ANNOUNCE_LATE
     if
     :: queued != 0 -> goto again
     :: else
     fi;
     unwatched = true;
#else
     unwatched = true;
#ifndef NO_LAST_LOOK
     if
     :: queued != 0 -> unwatched = false; goto again
     :: else
     fi;
#endif
#endif
end_asleep:
     armed_wake; /* wait */
     armed_wake = false;
again:
     skip
  :: queued != 0 && blocked && holder[0] == NONE ->
#ifdef POKE_TAKES_OUT
     atomic { w = spare0; spare0 = NONE };
     if
     :: skip
     :: goto end_stuck
     fi;
#else
     w = spare0;
#endif
     if
     :: w != NONE -> poked[w] = 0; wake[w] = true
     :: else ->
        atomic { /* wait_for_spare: the monitor's replenish() */
          if
          :: spare0 == NONE -> spare0 = idle_list; idle_list = NONE
          :: else
          fi
        }
     fi;
     w = NONE
  od;
end_stuck:
  false
}

/* A worker of the pool: next_order(). */
proctype worker(byte me) {
end_worker:
  do
  :: atomic { wake[me] -> wake[me] = false };
     if
     :: atomic { assigned[me] != NONE ->
          assert(holder[assigned[me]] == me);
          assigned[me] = NONE }
     :: else ->
        if
        :: atomic { poked[me] != NONE -> poked[me] = NONE };
#ifndef POKE_IS_AN_ORDER
           atomic {
             if
             :: spare0 == me -> spare0 = NONE
             :: else -> goto next
             fi
           };
#endif
           atomic { /* try_claim: from the blocked holder only */
             if
             :: blocked && holder[0] == NONE -> holder[0] = me
             :: else -> goto back
             fi
           };
           goto next;
back:      atomic { /* put_back */
             if
             :: spare0 == NONE -> spare0 = me
             :: else -> idle_list = me
             fi
           }
        :: atomic { poked[me] == NONE -> skip }
        fi
     fi;
next:
     atomic { assert(places(me) <= 1) }
  od
}

/* give_server_away() of server 1's holder. */
active proctype giver() {
  byte w = NONE;
  atomic { /* take_for */
    if
    :: idle_list != NONE -> w = idle_list; idle_list = NONE
    :: spare0 != NONE -> w = spare0; spare0 = NONE
    :: else
    fi
  };
  if
  :: w != NONE ->
     holder[1] = w;
     assigned[w] = 1;
#ifndef ORDER_NOT_WOKEN
     wake[w] = true
#endif
  :: else
  fi
}

/* Takes the spare out and puts it back. */
active proctype mover() {
  byte w = NONE;
  do
  :: moves < kMoves ->
     moves++;
     atomic { w = spare0; spare0 = NONE };
     if
     :: w != NONE ->
        atomic {
          if
          :: spare0 == NONE -> spare0 = w
          :: else -> idle_list = w
          fi
        };
        w = NONE
     :: else
     fi
  :: moves == kMoves -> break
  od
}

init {
  atomic {
    run worker(1); run worker(2)
  };
  timeout;
  assert(holder[0] != NONE);                                   /* the fibers are got at */
  assert(assigned[1] == NONE && assigned[2] == NONE);        /* each order was executed */
  assert(places(1) == 1 && places(2) == 1)                   /* no worker is lost */
}
