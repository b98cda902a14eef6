/* SPDX-License-Identifier: Apache-2.0
 *
 * thief_gate.pml - a thief is never at the queues while their holder pops by plain stores: the
 * protocol of thief_gate.h.
 *
 * A holder that pops kPops times and may close the gate before each, and two thieves who come once
 * or twice. The holder's store of `busy` goes through a store buffer, of which the CPU may make
 * room at any moment; his store of the state is seq_cst and empties it, as does a process barrier of
 * anybody. The thieves' steps are seq_cst in the code, and single steps here. A pop with care is the
 * queues' own affair (ready_ring.h, spawn_deque.h) and no step here.
 *
 * What holds:
 *  - whoever pops alone is alone;
 *  - when all is over, nobody counts as a visitor.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_BARRIER          a thief opens the gate without a barrier
 * MUTANT NO_BUSY             a thief does not look whether a pop is going on
 * MUTANT LOOKS_FIRST         the holder looks at the gate before he is busy
 * MUTANT NOT_COUNTED_FIRST   a thief looks at the gate, then counts himself
 * MUTANT CLOSES_BLINDLY      the holder closes without a look at the visitors
 * MUTANT NO_OPENING          the gate is open before the barrier is over
 */
#define kPops 3
#define kThieves 2

mtype = { CLOSED, OPENING, OPEN };
mtype state = CLOSED;
byte visitors;

/* `busy` as memory has it; and the store buffer, first in, first out. */
bool busy;
chan buffer = [2] of { bool };

/* Ghosts. */
bool alone;
byte thieves_in, done;

inline drain() {
  do
  :: nempty(buffer) -> buffer ? busy
  :: empty(buffer) -> break
  od
}

active proctype store_buffer() {
end:
  do
  :: atomic { nempty(buffer) -> buffer ? busy }
  od
}

active proctype holder() {
  byte pops;
  mtype seen;
  do
  :: pops < kPops ->
     pops++;
     if
     :: state == OPEN ->
        atomic { drain(); state = CLOSED };
#ifndef CLOSES_BLINDLY
        if
        :: visitors != 0 -> atomic { drain(); state = OPEN }
        :: else
        fi
#endif
     :: skip
     fi;
#ifdef LOOKS_FIRST
     seen = state;
     buffer ! true;
#else
     buffer ! true;
     seen = state;
#endif
     if
     :: seen == CLOSED ->
        alone = true;
        assert(thieves_in == 0);
        alone = false
     :: else
     fi;
     buffer ! false
  :: else -> break
  od;
  done++
}

active [kThieves] proctype thief() {
  mtype seen;
  byte visits;
  do
  :: visits < 2 ->
     visits++;
#ifdef NOT_COUNTED_FIRST
     seen = state;
     visitors++;
#else
     visitors++;
     seen = state;
#endif
     if
     :: seen != OPEN ->
#ifdef NO_OPENING
        state = OPEN;
#else
        state = OPENING;
#endif
#ifndef NO_BARRIER
        atomic { drain() };
#endif
        state = OPEN
     :: else
     fi;
     if
#ifdef NO_BUSY
     :: true ->
#else
     :: !busy ->
#endif
        atomic { thieves_in++; assert(!alone) };
        assert(!alone);
        thieves_in--
#ifndef NO_BUSY
     :: busy
#endif
     fi;
     visitors--
  :: break
  od;
  done++
}

active proctype at_the_end() {
  done == kThieves + 1;
  assert(visitors == 0)
}
