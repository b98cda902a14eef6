/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_sleepers.pml - nobody sleeps on a lock that is free, though it is released by a plain store:
 * the protocol of src/runtime/base/lock_sleepers.h.
 *
 * Two threads that take the lock kTimes each, and sleep if it is held; the search for it before the
 * sleep is left out. The store that releases goes through the releaser's store buffer, of which the
 * CPU may make room at any moment, as do a locked instruction or fence of his own and a process
 * barrier of anybody; a system call is no fence here. All other steps are seq_cst in the code, or
 * locked instructions, and single steps here. The kernel compares the word and queues the sleeper in
 * one step. A barrier may begin to be relied on at any moment, or never, as in rely_on_barrier().
 *
 * What holds when nothing can move any more: both have had the lock kTimes.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_BARRIER       who is about to sleep makes no barrier
 * MUTANT BARRIER_FIRST    ... or makes it before he is counted
 * MUTANT LOOKS_FIRST      who releases looks for sleepers before his store
 * MUTANT NO_FENCE         ... or finds the count too high, and makes no fence before he looks again
 * MUTANT FLAG_FIRST       he reads first whether there is a barrier, then the count
 * MUTANT LOWERS_FIRST     the counts are lowered before it is said that there is a barrier
 */
#define kTimes 2
#define kThreads 2

bool held; /* as memory has it */
chan buffer[kThreads] = [2] of { bool };
byte sleepers = 1;
bool has_barrier;
bool asleep[kThreads], woken[kThreads];
byte done;

inline drain(n) {
  do
  :: nempty(buffer[n]) -> buffer[n] ? held
  :: empty(buffer[n]) -> break
  od
}

active [kThreads] proctype store_buffer() {
end:
  do
  :: atomic { nempty(buffer[_pid]) -> buffer[_pid] ? held }
  od
}

active proctype rely_on_barrier() {
  if
  :: true ->
#ifdef LOWERS_FIRST
     sleepers--;
     has_barrier = true
#else
     has_barrier = true;
     sleepers--
#endif
  :: true /* the kernel has none */
  fi
}

/* The other thread's, if he sleeps. */
inline wake() {
  atomic {
    if
    :: asleep[1 - me] -> woken[1 - me] = true; asleep[1 - me] = false
    :: else
    fi
  }
}

inline look_for_sleepers() {
  if
  :: sleepers != 0 ->
#ifndef NO_FENCE
     atomic { drain(me) };
#endif
#ifdef FLAG_FIRST
     base = (has_barrier -> 0 : 1);
     count = sleepers;
#else
     count = sleepers;
     base = (has_barrier -> 0 : 1);
#endif
     if
     :: count != base -> wake()
     :: else
     fi
  :: else
  fi
}

proctype thread(byte me) {
  byte times, base, count;
  do
  :: times < kTimes ->
     /* A locked instruction, whose CPU has no stores of its own waiting then. */
     if
     :: atomic { empty(buffer[me]) && !held -> held = true };
        times++;
#ifdef LOOKS_FIRST
        look_for_sleepers();
        buffer[me] ! false
#else
        buffer[me] ! false;
        look_for_sleepers()
#endif
     :: atomic { empty(buffer[me]) && held -> skip };
#ifdef BARRIER_FIRST
        if
        :: has_barrier -> atomic { drain(1 - me) }
        :: else
        fi;
#endif
        sleepers++;
#if !defined(NO_BARRIER) && !defined(BARRIER_FIRST)
        if
        :: has_barrier -> atomic { drain(1 - me) }
        :: else
        fi;
#endif
        if
        :: atomic { held -> asleep[me] = true; woken[me] = false };
           woken[me]
        :: atomic { !held -> skip }
        fi;
        sleepers--
     :: atomic { nempty(buffer[me]) -> drain(me) }
     fi
  :: else -> break
  od;
  done++
}

init {
  atomic { run thread(0); run thread(1) };
  timeout;
  assert(done == kThreads)
}
