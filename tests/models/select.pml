/* SPDX-License-Identifier: Apache-2.0
 *
 * select.pml - selects that meet on unbuffered channels: src/runtime/sync/select.cc, select_ops.h and
 * channel_core.cc.
 *
 * Three parties, each of which wants one exchange, as a select of two cases or as a plain sender or
 * receiver. Who can meet whom:
 *   RING   select i sends on channel i or receives from channel i + 1
 *   SELF   three selects, each of which sends or receives on one and the same channel
 *   CROSS  two selects that can meet on two channels, each way round, and a plain receiver
 * A stop may end the wait of party 2. Steps are named as in the code. The number of a party stands
 * for the address of its waiter.
 *
 * Locks are taken in one step when they are free; loads, stores and claims are single steps in one
 * order. A wait is over when it has been claimed: that its fiber is then made ready, once and late
 * enough, is the affair of park_unpark.pml. Queues are sets; their order is not modelled.
 *
 * What holds:
 *  - an exchange has two parties, on one channel, one of which sends; no party has two;
 *  - who is claimed, when he has been let go, finds the item moved;
 *  - nobody touches a waiter or a node after its select has returned;
 *  - nobody touches a channel of two after either of those who met there has returned;
 *  - no meeting is missed: when nothing can move any more, no two wait that could have met;
 *  - between two exchanges (or stops) only a few attempts come to nothing: selects do not send each
 *    other away for ever.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_LOOK             a public select queues up without a look at the other side
 * MUTANT TAKE_IN_PUBLIC      ... takes what it finds there
 * MUTANT SEND_AWAY_ALWAYS    ... sends the other away, whatever the addresses
 * MUTANT GO_ALWAYS           ... gives way, whatever the addresses
 * MUTANT SEND_PLAIN_AWAY     ... sends a plain party away, which does not look again
 * MUTANT GO_WITHOUT_CLAIM    a select that gives way does not claim itself
 * MUTANT MEETS_ITSELF        a public select does not skip its own nodes
 * MUTANT NO_WITHDRAW         the nodes of cases that were not chosen stay queued
 * MUTANT NOT_LET_GO          who was claimed does not wait until he is let go
 * MUTANT SETTLE_BY_LOCK      ... but passes through the lock, as with other objects
 * MUTANT LET_GO_EARLY        he is let go before the lock is released
 * MUTANT CLAIM_WITHOUT_LOCK  a claim after the lock was released
 */
#define kParties 3
#define kNodes 6
#define kMostInVain 8

mtype = { OPEN, GRANTED, STOPPED, RETRY };
mtype = { RING, SELF, CROSS };
mtype config;

/* Constant: whose nodes there are, and what for. */
bool is_select[kParties], is_node[kNodes], sends[kNodes];
byte channel[kNodes];

bool locked[3]; /* of each channel */
bool queued[kNodes];
mtype state[kParties] = OPEN;
byte chosen[kParties]; /* with state: the node whose claim it was */
bool moved[kParties];  /* the item, by whoever claimed */
bool let_go[kParties];

/* Ghosts. */
bool gone[kParties]; /* its select has returned */
bool destroyed[3];   /* of RING's channels */
bool waits[kParties];
byte exchanges[kParties];
byte in_vain; /* attempts since the last exchange or stop */

#define party_of(n) ((n) / 2)
#define case_of(n) ((n) % 2)
#define can_meet(n, m) (is_node[n] && is_node[m] && channel[n] == channel[m] && \
                        sends[n] != sends[m] && party_of(n) != party_of(m))

inline set_up() {
  for (n : 0 .. kNodes - 1) {
    is_select[party_of(n)] = config != CROSS || party_of(n) != 2;
    is_node[n] = is_select[party_of(n)] || case_of(n) == 0;
    if
    :: config == RING -> channel[n] = (party_of(n) + case_of(n)) % 3; sends[n] = case_of(n) == 0
    :: config == SELF -> channel[n] = 0; sends[n] = case_of(n) == 0
    :: config == CROSS -> channel[n] = case_of(n); sends[n] = n == 0 || n == 3
    fi
  }
}

inline lock(c) {
  atomic { !locked[c] -> assert(!destroyed[c]); locked[c] = true }
}
inline unlock(c) {
  assert(!destroyed[c]); locked[c] = false
}
inline returns(c) {
  gone[me] = true;
  if
  :: config == RING -> destroyed[c] = true
  :: else
  fi
}

inline progress() {
  in_vain = 0
}
inline note_in_vain() {
  in_vain++;
  assert(in_vain <= kMostInVain)
}

/* Wakeups::claim(): `won` */
inline claim(n, outcome) {
  atomic {
    assert(!gone[party_of(n)]);
    won = (state[party_of(n)] == OPEN);
    if
    :: won -> state[party_of(n)] = outcome; chosen[party_of(n)] = n
    :: else
    fi
  }
}

/* The first foreign node on the other side of `mine`, or kNodes; waiting_[other]. */
inline first_of_others(mine) {
  d_step {
    other = 0;
    do
    :: other < kNodes && !(queued[other] && can_meet(mine, other)) -> other++
    :: else -> break
    od
  }
}

/* A claim of an exchange was won. */
inline exchange(mine) {
  exchanges[party_of(mine)]++;
  exchanges[party_of(other)]++;
  assert(exchanges[party_of(mine)] == 1 && exchanges[party_of(other)] == 1);
  assert(channel[mine] == channel[other] && sends[mine] != sends[other]);
  progress()
}
inline hand_over() {
  atomic {
    assert(!gone[party_of(other)]);
    moved[party_of(other)] = true;
#ifdef LET_GO_EARLY
    let_go[party_of(other)] = true
#endif
  }
}

/* attempt(): `won`. Under the lock; what only the lock guards is done together with the next claim. */
inline attempt(mine) {
  do
  :: atomic {
       first_of_others(mine);
       if
       :: other == kNodes -> won = false; break
       :: else -> queued[other] = false
       fi;
#ifdef CLAIM_WITHOUT_LOCK
       unlock(channel[mine])
     };
     atomic {
#endif
       claim(other, GRANTED);
       if
       :: won -> exchange(mine)
       :: else
       fi
     };
#ifdef CLAIM_WITHOUT_LOCK
     lock(channel[mine]);
#endif
     if
     :: won -> hand_over(); break
     :: else
     fi
  od
}

/* nobody_to_meet(): `won`. Under the lock. */
inline nobody_to_meet(mine) {
#ifdef MEETS_ITSELF
  atomic {
    if
    :: config == SELF && queued[2 * me + 1 - case_of(mine)] ->
       claim(2 * me + 1 - case_of(mine), RETRY)
    :: else
    fi
  };
#endif
#ifdef NO_LOOK
  won = true
#else
  do
  :: atomic {
       first_of_others(mine);
       if
       :: other == kNodes -> won = true; break
#if defined(GO_ALWAYS)
       :: else -> won = false; break
#elif defined(TAKE_IN_PUBLIC)
       :: else -> queued[other] = false; claim(other, GRANTED);
          if
          :: won -> exchange(mine)
          :: else
          fi
       fi
     };
     if
     :: won -> hand_over(); break
     :: else
     fi
#else
#if defined(SEND_AWAY_ALWAYS)
#define gives_way !is_select[party_of(other)]
#elif defined(SEND_PLAIN_AWAY)
#define gives_way party_of(other) < me
#else
#define gives_way (!is_select[party_of(other)] || party_of(other) < me)
#endif
       :: other < kNodes && gives_way -> won = false; break
       :: other < kNodes && !(gives_way) -> queued[other] = false; claim(other, RETRY)
#endif
#ifndef TAKE_IN_PUBLIC
       fi
     }
#endif
  od
#endif
}

inline withdraw(n) {
#ifndef NO_WITHDRAW
  atomic { !locked[channel[n]] -> assert(!destroyed[channel[n]]); queued[n] = false; i++ }
#else
  i++
#endif
}
inline complete(n) {
#if defined(SETTLE_BY_LOCK)
  lock(channel[n]);
  unlock(channel[n]);
#elif !defined(NOT_LET_GO)
  let_go[party_of(n)];
#endif
  atomic { assert(moved[party_of(n)]); i++ }
}

proctype party(byte me) {
  byte i, first, other, count;
  bool won;
again:
  atomic {
    if
    :: first = 0
    :: is_select[me] -> first = 1
    fi
  };
  do /* try_all(), alone; or wait() of a plain party */
  :: i < 1 + is_select[me] ->
     lock(channel[2 * me + (first + i) % 2]);
     attempt(2 * me + (first + i) % 2);
     atomic {
       if
       :: !won && !is_select[me] -> queued[2 * me] = true; waits[me] = true
       :: else
       fi;
       unlock(channel[2 * me + (first + i) % 2]);
       if
       :: !won -> i++
       :: won -> goto meets
       fi
     }
  :: else -> i = 0; break
  od;

  if
  :: is_select[me] -> /* wait_once() */
     do
     :: count < 2 && state[me] == OPEN ->
        lock(channel[2 * me + (first + count) % 2]);
        nobody_to_meet(2 * me + (first + count) % 2);
        atomic {
          unlock(channel[2 * me + (first + count) % 2]);
          if
          :: won -> queued[2 * me + (first + count) % 2] = true; count++
          :: else -> goto go
          fi
        }
     :: else -> goto arrived
     od
  :: else -> count = 1; goto arrived
  fi;
go:
#ifndef GO_WITHOUT_CLAIM
  claim(2 * me, RETRY);
#else
  state[me] = RETRY;
#endif
arrived:
  waits[me] = true;
end_wait:
  atomic { state[me] != OPEN -> waits[me] = false };
  do
  :: i < count ->
     if
     :: state[me] == GRANTED && chosen[me] == 2 * me + (first + i) % 2 -> complete(chosen[me])
     :: else -> withdraw(2 * me + (first + i) % 2)
     fi
  :: else -> break
  od;
  if
  :: atomic { state[me] == RETRY ->
       assert(is_select[me]); /* nobody else tries again */
       note_in_vain();
       state[me] = OPEN; i = 0; count = 0; first = 0; won = false; other = 0;
       goto again
     }
  :: atomic { state[me] == GRANTED -> assert(exchanges[me] == 1); returns(channel[chosen[me]]) }
  :: atomic { state[me] == STOPPED -> assert(exchanges[me] == 0); gone[me] = true }
  fi;
  goto done;
meets: /* ~Section() */
#ifndef LET_GO_EARLY
  atomic { assert(!gone[party_of(other)]); let_go[party_of(other)] = true };
#endif
  atomic { returns(channel[2 * me + (first + i) % 2]) };
done:
  skip
}

/* A stop callback of party 2. */
proctype stopper() {
  if
  :: atomic { waits[2] && state[2] == OPEN -> state[2] = STOPPED; progress() }
  :: gone[2]
  :: skip
  fi
}

init {
  byte n, m;
  atomic {
    if
    :: config = RING
    :: config = SELF
    :: config = CROSS
    fi;
    set_up();
    run party(0); run party(1); run party(2); run stopper()
  };
  timeout; /* nothing can move any more */
  d_step {
    n = 0;
    do
    :: n < kNodes ->
       m = 0;
       do
       :: m < kNodes ->
          assert(!(waits[party_of(n)] && waits[party_of(m)] && can_meet(n, m)));
          m++
       :: else -> break
       od;
       n++
    :: else -> break
    od;
    assert(!locked[0] && !locked[1] && !locked[2])
  }
}
