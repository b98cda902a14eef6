/* SPDX-License-Identifier: Apache-2.0
 *
 * server_word.pml - the protocol of src/runtime/handoff/server_word.h, all interleavings.
 *
 * One server and three workers. Worker 0 holds the server at first, the others are idle in the pool.
 * A holder, kRounds times over all workers, calls into the runtime (enter, touch, leave), gives the
 * server away inside it, or does so around blocking() (begin_blocking, end_blocking). An idle worker
 * is asked to claim, kClaims times over all, whatever the holder does: oracles may lie. One that
 * finds its server gone at Enter claims it itself (retake.h), or goes back to the pool and may be
 * assigned the server again. The monitor, kTakes times over all, takes the server for an idle worker
 * with a barrier on all threads (take_from_running), whatever the holder does, and assigns it.
 *
 * What the hardware does:
 *  - each worker has a store buffer for in_rt, in order, and one for what it writes to the server's
 *    data. They are emptied any time later and in no order between the two, as on arm64; x86 does
 *    less. A release (CAS or store) and a context switch empty both. Loads and CASes are single
 *    steps. A CAS that is not a release empties nothing. Leave is a release store: when it leaves
 *    the buffer, what was written to the data before has.
 *  - the barrier on all threads empties both of each worker, one worker after the other.
 *  - the kernel takes a worker off the CPU kSwitches times in all, anywhere, and puts it back any time
 *    later. Off the CPU it takes no step.
 *  - c1 == c2: the owner was off the CPU from the first look at the clock to the second.
 *
 * What the order of the looks must be: in_rt after c1, and c2 after the proposal. Then the owner was
 * off the CPU at a moment after the proposal, and was outside then, or has left since. c1 may come
 * after the proposal as well.
 *
 * Steps are named as in server_word.h, handoff.cc and blocking.cc. A proposal names who makes it:
 * with two claimers, one may decide, be delayed, and find the other's proposal where its own was.
 *
 * What holds:
 *  - the server's data is touched by one worker at a time (`inside`), from a true Enter to Leave;
 *  - who touches it sees all that was written before: nothing is left in another one's buffer;
 *  - at the end no proposal stands, somebody holds the server, and the holder shows in_rt == 0 when
 *    it is outside: the next claim of a blocked holder succeeds.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_CLOCK               commit whatever the clock says
 * MUTANT NO_IN_RT               commit whatever in_rt says
 * MUTANT IN_RT_BEFORE_CLOCK     look at in_rt before c1
 * MUTANT CLOCKS_BEFORE_CAS      c1 and c2 before the proposal
 * MUTANT CHECK_THEN_TAKE        no proposal: look, then one CAS owned -> mine
 * MUTANT ANONYMOUS_PROPOSAL     a proposal does not tell who made it
 * MUTANT COMMIT_BY_STORE        commit without comparing
 * MUTANT GIVE_UP_BY_STORE       give a claim up without comparing
 * MUTANT SETTLE_BY_STORE        Enter settles a proposal without comparing
 * MUTANT ENTER_IGNORES_PROPOSAL Enter takes `proposed` for `owned`, and does not settle
 * MUTANT TAKE_BACK_BY_STORE     an offer is taken back without comparing
 * MUTANT LOSE_BEFORE_ASSIGN     who gives away is outside (in_rt == 0) before the word says so
 * MUTANT OFFER_IS_NO_RELEASE    an offer does not publish what was written before
 * MUTANT SWITCH_OUT_NO_BARRIER  a context switch does not empty the store buffers
 * MUTANT SWITCH_IN_NO_BARRIER   the clock may show late that the worker is on the CPU again
 * MUTANT TAKE_NO_BARRIER        the monitor takes without the barrier
 * MUTANT TAKE_LOOKS_EARLY       it looks at in_rt before the proposal
 * MUTANT TAKE_BARRIER_LATE      it looks at in_rt before the barrier
 * MUTANT TAKE_NO_IN_RT          it commits whatever in_rt says
 * MUTANT TAKE_BY_STORE          it commits without comparing
 * MUTANT TAKE_COMMITS_TO_OWNED  the word is the next owner's before he is told: others may claim
 * MUTANT LEAVE_IS_NO_RELEASE    Leave may be seen ahead of what was written before it
 */
#define kWorkers 3
#if defined(SMALL) && (defined(TAKE_COMMITS_TO_OWNED) || defined(ANONYMOUS_PROPOSAL))
#define kRounds 2
#define kClaims 2
#elif defined(SMALL) && defined(LOSE_BEFORE_ASSIGN)
#define kRounds 3
#define kClaims 1
#elif defined(SMALL)
#define kRounds 2
#define kClaims 1
#else
#define kRounds 3
#define kClaims 2
#endif
#define kSwitches 1 /* 2: 14 million states, no errors */
#define kGifts 1
#define kTakes 1

#define OWNED 0
#define PROPOSED 1
#define OFFERED 2
#define NOBODY 3

/* The word. */
byte holder, flag, proposer;

byte in_rt[kWorkers]; /* memory */
byte late[kWorkers];  /* stores to in_rt in the buffer, 0 to 2 */
byte late_first[kWorkers], late_second[kWorkers];
bool late_data[kWorkers]; /* stores to the server's data in the buffer, */
bool left_data[kWorkers]; /* and those that precede a Leave in the buffer */

bool on_cpu[kWorkers];
bool shown[kWorkers]; /* what a reader of the clock knows of on_cpu */
byte switches, claims, gifts, rounds, takes;

bool idle[kWorkers];     /* in the pool */
bool assigned[kWorkers]; /* Worker::assigned */
byte looking_at[kWorkers]; /* by claimer: whose clock */
bool still[kWorkers];      /* by claimer: it has not moved since the first look */

bool inside[kWorkers]; /* ghost */

inline flush_one(w) {
  if
  :: late[w] > 0 ->
#ifndef LEAVE_IS_NO_RELEASE
     left_data[w] = left_data[w] && late_first[w] != 0;
#endif
     in_rt[w] = late_first[w];
     late_first[w] = late_second[w];
     late_second[w] = 0;
     late[w]--
  :: else
  fi
}
inline flush(w) {
  flush_one(w);
  flush_one(w);
  late_first[w] = 0;
  late_data[w] = false;
  left_data[w] = false
}
inline store_in_rt(w, value) {
  if
  :: late[w] == 2 -> flush_one(w)
  :: else
  fi;
  if
  :: late[w] == 0 -> late_first[w] = value
  :: else -> late_second[w] = value
  fi;
  late[w]++
}

inline set_word(h, f, p) {
  holder = h;
  flag = f;
  proposer = p
}
#ifdef ANONYMOUS_PROPOSAL
#define name_of(w) NOBODY
#else
#define name_of(w) w
#endif
#define word_is(h, f, p) (holder == h && flag == f && proposer == p)

/* --- the owner --- */

inline lose_server() {
  store_in_rt(me, 0);
  server = false;
  seen_holder = 0; seen_flag = 0; seen_proposer = 0
}

/* Leaves `server` false if the server is gone. */
inline enter() {
  atomic { on_cpu[me] -> store_in_rt(me, 1) };
  atomic { /* load */
    on_cpu[me];
    seen_holder = holder; seen_flag = flag; seen_proposer = proposer;
#ifdef ENTER_IGNORES_PROPOSAL
    seen_flag = (seen_flag == PROPOSED -> OWNED : seen_flag);
#endif
    if
    :: seen_holder != me -> lose_server()
    :: else
    fi
  };
  do /* enter_slow */
  :: !server || seen_flag == OWNED -> break
  :: server && seen_flag != OWNED ->
     atomic { /* compare_exchange; a failure loads */
       on_cpu[me];
#ifdef SETTLE_BY_STORE
       flush(me); set_word(me, OWNED, NOBODY)
#else
       if
       :: word_is(me, seen_flag, seen_proposer) -> flush(me); set_word(me, OWNED, NOBODY)
       :: else
       fi
#endif
       ;
       seen_holder = holder; seen_flag = flag; seen_proposer = proposer;
       if
       :: seen_holder != me -> lose_server()
       :: else
       fi
     }
  od
}

inline touch() {
  atomic { /* begin */
    on_cpu[me];
    for (i : 0 .. kWorkers - 1) {
      assert(i == me || (!inside[i] && !late_data[i] && !left_data[i]))
    };
    i = 0;
    inside[me] = true
  };
  atomic { /* and end */
    on_cpu[me];
    for (i : 0 .. kWorkers - 1) { assert(i == me || !inside[i]) };
    i = 0;
    late_data[me] = true;
    inside[me] = false
  }
}

inline leave() {
  atomic {
    on_cpu[me];
    store_in_rt(me, 0);
    left_data[me] = left_data[me] || late_data[me];
    late_data[me] = false
  }
}

/* give_server_away(): to any idle worker, if there is one. */
inline give_server_away() {
  atomic { /* take_for */
    on_cpu[me];
    to = NOBODY;
    if
    :: idle[(me + 1) % kWorkers] -> to = (me + 1) % kWorkers
    :: idle[(me + 2) % kWorkers] -> to = (me + 2) % kWorkers
    :: else
    fi;
    if
    :: to != NOBODY -> idle[to] = false; gifts--
    :: else
    fi
  };
  if
  :: to != NOBODY ->
#ifdef LOSE_BEFORE_ASSIGN
     atomic { on_cpu[me] -> store_in_rt(me, 0) };
#endif
     atomic { on_cpu[me] -> flush(me); set_word(to, OWNED, NOBODY) }; /* assign: release */
#ifndef LOSE_BEFORE_ASSIGN
     atomic { on_cpu[me] -> store_in_rt(me, 0) }; /* lose_server */
#endif
     atomic { on_cpu[me] -> assigned[to] = true; to = 0; server = false }
  :: else -> to = 0
  fi
}

inline begin_blocking() {
  atomic { /* compare_exchange, release */
    on_cpu[me];
    if
    :: word_is(me, OWNED, NOBODY) ->
#ifndef OFFER_IS_NO_RELEASE
       flush(me);
#endif
       set_word(me, OFFERED, NOBODY)
    :: else
    fi
  }
}

/* If it was not ours to take back, regain_server(): as any function that may suspend. */
inline end_blocking() {
#ifdef TAKE_BACK_BY_STORE
  atomic { /* load */
    on_cpu[me];
    seen_holder = holder; seen_flag = flag
  };
  if
  :: seen_holder == me && seen_flag == OFFERED ->
     atomic { on_cpu[me] -> set_word(me, OWNED, NOBODY); seen_holder = 0; seen_flag = 0 }
  :: else -> atomic { seen_holder = 0; seen_flag = 0 }; enter(); if :: server -> leave() :: else fi
  fi
#else
  atomic { /* compare_exchange, acquire */
    on_cpu[me];
    if
    :: word_is(me, OFFERED, NOBODY) -> set_word(me, OWNED, NOBODY); took_back = true
    :: else
    fi
  };
  if
  :: took_back -> took_back = false
  :: else -> enter(); if :: server -> leave() :: else fi
  fi
#endif
}

/* --- a claimer --- */

inline first_clock() {
  atomic {
    on_cpu[me] -> looking_at[me] = seen_holder; still[me] = !shown[seen_holder]
  }
}

inline commit_or_give_up() {
  if
  :: stood_still && outside ->
     atomic { /* compare_exchange proposed -> mine */
       on_cpu[me];
       if
#ifdef COMMIT_BY_STORE
       :: true -> flush(me); set_word(me, OWNED, NOBODY); server = true
#else
       :: word_is(seen_holder, PROPOSED, name_of(me)) ->
          flush(me); set_word(me, OWNED, NOBODY); server = true
       :: else
#endif
       fi
     }
  :: else ->
     atomic { /* compare_exchange proposed -> owned */
       on_cpu[me];
       if
#ifdef GIVE_UP_BY_STORE
       :: true -> set_word(seen_holder, OWNED, NOBODY)
#else
       :: word_is(seen_holder, PROPOSED, name_of(me)) -> set_word(seen_holder, OWNED, NOBODY)
       :: else
#endif
       fi
     }
  fi
}

/* Sets `server` if the claim is won. */
inline try_claim() {
  atomic { /* load */
    on_cpu[me];
    seen_holder = holder; seen_flag = flag
  };
  if
  :: seen_flag == OFFERED ->
     atomic { /* compare_exchange offered -> mine */
       on_cpu[me];
       if
       :: word_is(seen_holder, OFFERED, NOBODY) -> set_word(me, OWNED, NOBODY); server = true
       :: else
       fi
     }
  :: seen_flag == PROPOSED
  :: seen_flag == OWNED ->
#if defined(IN_RT_BEFORE_CLOCK)
     atomic { on_cpu[me] -> outside = (in_rt[seen_holder] == 0) };
#endif
     first_clock();
#if defined(CLOCKS_BEFORE_CAS)
     atomic { on_cpu[me] -> stood_still = still[me] };
#endif
#if !defined(CHECK_THEN_TAKE)
     atomic { /* compare_exchange owned -> proposed */
       on_cpu[me];
       if
       :: word_is(seen_holder, OWNED, NOBODY) ->
          set_word(seen_holder, PROPOSED, name_of(me)); proposed = true
       :: else
       fi
     };
#else
     proposed = true;
#endif
     if
     :: proposed ->
#if !defined(IN_RT_BEFORE_CLOCK)
        atomic { on_cpu[me] -> outside = (in_rt[seen_holder] == 0) };
#endif
#if !defined(CLOCKS_BEFORE_CAS)
        atomic { on_cpu[me] -> stood_still = still[me] }; /* the second look */
#endif
#if defined(NO_CLOCK)
        stood_still = true;
#endif
#if defined(NO_IN_RT)
        outside = true;
#endif
#if defined(CHECK_THEN_TAKE)
        atomic { /* compare_exchange owned -> mine */
          on_cpu[me];
          if
          :: stood_still && outside && word_is(seen_holder, OWNED, NOBODY) ->
             set_word(me, OWNED, NOBODY); server = true
          :: else
          fi
        }
#else
        commit_or_give_up()
#endif
     :: else
     fi
  fi;
  atomic { /* fewer states */
    seen_holder = 0; seen_flag = 0; proposed = false; stood_still = false; outside = false;
    looking_at[me] = NOBODY; still[me] = false
  }
}

/* The server is gone, in a function that may suspend: retake(), or back to the pool. */
inline come_back() {
  if
  :: atomic { on_cpu[me] && claims > 0 -> claims-- }; try_claim()
  :: true
  fi;
  if
  :: server
  :: else -> idle[me] = true
  fi
}

proctype worker(byte me) {
  byte seen_holder, seen_flag, seen_proposer, to, i;
  bool server, stood_still, outside, proposed, took_back;
  if
  :: me == 0 -> server = true
  :: else -> idle[me] = true
  fi;
  do
  :: !server ->
end_idle:
     if /* next_order */
     :: atomic { on_cpu[me] && assigned[me] -> assigned[me] = false; server = true }
     :: atomic { on_cpu[me] && idle[me] && claims > 0 -> claims--; idle[me] = false };
        try_claim();
        if
        :: server
        :: else -> idle[me] = true /* put_back */
        fi
     fi
  :: atomic { server && rounds > 0 -> rounds-- }; /* user code */
     if
     :: enter();
        if
        :: server -> touch();
           if
           :: leave()
           :: gifts > 0 -> give_server_away(); if :: server -> leave() :: else -> idle[me] = true fi
           fi
        :: else -> come_back()
        fi
     :: begin_blocking();
        end_blocking();
        if
        :: server
        :: else -> come_back()
        fi
     fi
  :: server && rounds == 0 -> break /* outside for ever */
  od
}

/* --- the monitor --- */

inline process_barrier() {
  for (i : 0 .. kWorkers - 1) { atomic { flush(i) } };
  i = 0
}

/* Sets `taken` if `next` is to have the server. */
inline take_from_running() {
  atomic { /* load */
    seen_holder = holder; seen_flag = flag
  };
  if
  :: seen_flag == OWNED ->
#ifdef TAKE_LOOKS_EARLY
     outside = (in_rt[seen_holder] == 0);
#endif
     atomic { /* compare_exchange owned -> proposed */
       if
       :: word_is(seen_holder, OWNED, NOBODY) ->
          set_word(seen_holder, PROPOSED, name_of(next)); proposed = true
       :: else
       fi
     };
     if
     :: proposed ->
#ifdef TAKE_BARRIER_LATE
        outside = (in_rt[seen_holder] == 0);
#endif
#ifndef TAKE_NO_BARRIER
        process_barrier();
#endif
#if !defined(TAKE_LOOKS_EARLY) && !defined(TAKE_BARRIER_LATE)
        outside = (in_rt[seen_holder] == 0);
#endif
#ifdef TAKE_NO_IN_RT
        outside = true;
#endif
        atomic { /* compare_exchange proposed -> proposed by and for next, or owned */
          if
#ifdef TAKE_BY_STORE
          :: outside
#else
          :: outside && word_is(seen_holder, PROPOSED, name_of(next))
#endif
             -> taken = true;
#ifdef TAKE_COMMITS_TO_OWNED
             set_word(next, OWNED, NOBODY)
#else
             set_word(next, PROPOSED, name_of(next))
#endif
          :: !outside && word_is(seen_holder, PROPOSED, name_of(next)) ->
             set_word(seen_holder, OWNED, NOBODY)
          :: else
          fi
        }
     :: else
     fi
  :: else
  fi
}

proctype monitor() {
  byte next, seen_holder, seen_flag, i;
  bool proposed, outside, taken;
end_monitor:
  do
  :: atomic { /* take_for */
       takes > 0 && (idle[1] || idle[2]) ->
       takes--;
       next = (idle[1] -> 1 : 2);
       idle[next] = false
     };
     take_from_running();
     if
     :: taken ->
        atomic { set_word(next, OWNED, NOBODY) }; /* assign */
        assigned[next] = true
     :: else -> idle[next] = true /* put_back */
     fi;
     atomic { next = 0; seen_holder = 0; seen_flag = 0; proposed = false; outside = false; taken = false }
  od
}

inline show_running(w) {
  shown[w] = true;
  for (c : 0 .. kWorkers - 1) {
    if
    :: looking_at[c] == w -> still[c] = false
    :: else
    fi
  };
  c = 0
}

/* The kernel and the store buffer, as far as they concern worker w. */
proctype machine(byte w) {
  byte c;
end_machine:
  do
  :: atomic {
       on_cpu[w] && switches > 0 ->
       switches--;
       on_cpu[w] = false;
       shown[w] = false;
#ifndef SWITCH_OUT_NO_BARRIER
       flush(w)
#endif
     }
  :: atomic {
       !on_cpu[w] ->
       on_cpu[w] = true
#ifndef SWITCH_IN_NO_BARRIER
       ; show_running(w)
#endif
     }
#ifdef SWITCH_IN_NO_BARRIER
  :: atomic { on_cpu[w] && !shown[w] -> show_running(w) }
#endif
  :: atomic { late[w] > 0 -> flush_one(w) }
  :: atomic { late_data[w] -> late_data[w] = false }
  :: atomic { left_data[w] -> left_data[w] = false }
  od
}

init {
  byte i;
  atomic {
    proposer = NOBODY;
    switches = kSwitches; rounds = kRounds;
    if /* all at once would be too many states */
    :: claims = kClaims; gifts = kGifts
    :: claims = kClaims - 1; takes = kTakes
    fi;
    for (i : 0 .. kWorkers - 1) { on_cpu[i] = true; shown[i] = true; looking_at[i] = NOBODY }
    for (i : 0 .. kWorkers - 1) { run worker(i) }
    for (i : 0 .. kWorkers - 1) { run machine(i) };
    run monitor()
  };
  timeout; /* nothing can move any more */
  assert(flag != PROPOSED);
  assert(in_rt[holder] == 0);
  assert(!idle[holder] && !assigned[holder])
}
