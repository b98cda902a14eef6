/* SPDX-License-Identifier: Apache-2.0
 *
 * listeners.pml - a submitter that makes no fence is noticed by who goes to sleep: the first look of
 * the protocol in idle_set.h, of which idle_servers.pml has the rest.
 *
 * A server at work, which queues kFibers on itself, and one that takes them and goes to sleep when
 * there are none. The queue is a count that only grows; `seen` is how many of them the other one has
 * taken. The submitter's store goes through a store buffer, of which the CPU may make room at any
 * moment, as do a fence of his own and a process barrier of anybody. All other steps are seq_cst in
 * the code, and single steps here. A wake-up of a sleeper stays until it is taken.
 *
 * What holds when nothing can move any more:
 *  - if the server sleeps, it has taken everything;
 *  - a listener is counted if and only if it sleeps; nobody counts as searching.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_BARRIER        the sleeper makes no barrier
 * MUTANT BARRIER_FIRST     ... or makes it before anybody can see that it listens
 * MUTANT BARRIER_LAST      ... or after the last look
 * MUTANT LOOKS_FIRST       the submitter looks for listeners, then queues
 * MUTANT NO_FENCE          the submitter finds a listener, and makes no fence before he reads who
 *                          searches
 */
#define kFibers 3

byte queue;
chan buffer = [kFibers] of { byte };
byte listeners, searching = 1;
bool idle;
chan wakeup = [kFibers] of { bool };

/* Ghosts. */
byte seen;
bool sleeps;

inline drain() {
  do
  :: nempty(buffer) -> buffer ? queue
  :: empty(buffer) -> break
  od
}

active proctype store_buffer() {
end:
  do
  :: atomic { nempty(buffer) -> buffer ? queue }
  od
}

inline tell() {
  if
  :: listeners != 0 ->
#ifndef NO_FENCE
     atomic { drain() };
#endif
     if
     :: atomic { searching == 0 && idle -> searching = 1 };
        if
        :: atomic { idle -> idle = false; listeners--; wakeup ! true }
        :: atomic { else -> searching-- }
        fi
     :: atomic { !(searching == 0 && idle) -> skip }
     fi
  :: else
  fi
}

active proctype submitter() {
  byte queued;
  do
  :: queued < kFibers ->
     queued++;
#ifdef LOOKS_FIRST
     tell();
     buffer ! queued
#else
     buffer ! queued;
     tell()
#endif
  :: else -> break
  od
}

active proctype server() {
  byte found;
  do
  :: found = queue; /* a search */
     if
     :: found != seen ->
        seen = found;
        searching--; /* it runs what it has found, then searches again */
        searching++
     :: else ->
#ifdef BARRIER_FIRST
        atomic { drain() };
#endif
        listeners++;
        idle = true;
#if !defined(NO_BARRIER) && !defined(BARRIER_FIRST) && !defined(BARRIER_LAST)
        atomic { drain() };
#endif
        searching--;
        found = queue;
#ifdef BARRIER_LAST
        atomic { drain() };
#endif
        if
        :: found != seen ->
           if
           :: atomic { idle -> idle = false; listeners--; searching++ }
           :: atomic { !idle -> skip } /* the waker was faster, and counts it as searching */
           fi
        :: else ->
           sleeps = true;
end:
           do
           :: !idle -> break
           :: atomic { nempty(wakeup) -> wakeup ? _ }
           od;
           sleeps = false
        fi
     fi
  od
}

active proctype at_the_end() {
  timeout;
  assert(sleeps);
  assert(queue == seen);
  assert(listeners == 1);
  assert(idle);
  assert(searching == 0)
}
