/* SPDX-License-Identifier: Apache-2.0
 *
 * idle_servers.pml - no wake-up of a sleeping server is lost: the protocol of idle_set.h, with
 * find_work(), sleep() and wake_for_work() of idle.cc and the deep sleep of monitor.cc.
 *
 * Two servers, a plain thread that submits kInjected fibers to the shared queue, and the monitor. A
 * fiber, when a server runs it, may queue another one on that server, may block the server for
 * ever (kStuck in all), and then ends. Queues are counts. All steps are seq_cst in the code, and
 * single steps here; "look at all queues" is one step for each queue. A search is one look at the
 * other server's queue and one at the shared one; the code looks again and again, which adds nothing
 * but luck. A wake-up of a sleeper stays until it is taken (wait_wake_swap.pml), even if the sleeper
 * is gone by then. A server may leave its sleep by a deadline, with two fibers due or none. kExtras:
 * how many fibers are queued by fibers, and sleeps left by deadlines.
 *
 * A submitter first asks whether there are listeners at all (IdleSet::has_listeners): none means that
 * all bits were clear in that one moment. That he makes no fence before he asks is another model's
 * matter, listeners.pml.
 *
 * What holds when nothing can move any more:
 *  - if a fiber is queued anywhere, no server sleeps, and the monitor does not sleep either (it has to
 *    see to servers that are blocked);
 *  - nobody counts as searching; an idle bit is set for each server that sleeps, and for no other;
 *  - all fibers have run, but for those behind servers that are all stuck.
 *
 * Mutations, each of which must fail (check.sh sees to that):
 * MUTANT NO_LAST_LOOK           sleep without looking at the queues once more
 * MUTANT LAST_LOOK_FIRST        look before the idle bit is set
 * MUTANT BIT_AFTER_COUNT        leave the count of searchers before the bit is set, look between
 * MUTANT COUNT_AFTER_LOOK       leave the count of searchers only after the last look
 * MUTANT SUBMIT_LOOKS_FIRST     see who must know, then queue
 * MUTANT LAST_SEARCHER_SILENT   a searcher that has found something wakes no one
 * MUTANT KEEPS_COUNT            a waker that finds nobody to wake goes on counting as searching
 * MUTANT LAST_LOOK_NOT_COUNTED  who does not sleep since the last look found something does not count
 *                               as searching: what else came while he did is told to nobody
 * MUTANT DEADLINE_NOT_COUNTED   nor does who wakes at a deadline: one of the fibers that are due is told
 *                               to no server
 * MUTANT WOKEN_TWICE            a server that finds its bit cleared does not take over the count
 * MUTANT SLEEP_WHATEVER_BIT     a woken server sleeps on, whatever its bit says
 * MUTANT MONITOR_NO_LAST_LOOK   the monitor sleeps without looking once more
 * MUTANT MONITOR_NOT_TOLD       who queues something does not look whether the monitor sleeps
 */
#define kServers 2
#define kInjected 2
#define kExtras 1 /* 2: 37 million states, no errors */
#define kStuck 2

byte queue[kServers]; /* a server's own */
byte inject;
byte searching;
bool idle[kServers];
bool monitor_sleeps;

bool task[kServers]; /* a wake-up is queued */
bool monitor_task;

byte extras = kExtras, blocks = kStuck;

/* Ghosts. */
bool sleeps[kServers], stuck[kServers], monitor_is_asleep;

#define queued (inject + queue[0] + queue[1])

/* Sets `f`. */
inline has_queued_work() {
  f = (inject != 0);
  if
  :: !f -> f = (queue[0] != 0)
  :: else
  fi;
  if
  :: !f -> f = (queue[1] != 0)
  :: else
  fi
}

inline wake_monitor_if_asleep() {
  if
  :: monitor_sleeps ->
     if
     :: atomic { monitor_sleeps -> monitor_sleeps = false; monitor_task = true } /* exchange */
     :: atomic { !monitor_sleeps -> skip }
     fi
  :: else
  fi
}

inline wake_for_work() {
#ifndef MONITOR_NOT_TOLD
  wake_monitor_if_asleep();
#endif
  do
  :: atomic { !idle[0] && !idle[1] -> break } /* any(): one word */
  :: atomic { idle[0] || idle[1] };
     if
     :: atomic { searching != 0 -> break } /* begin_search_if_none() */
     :: atomic { searching == 0 -> searching = 1 };
        atomic { /* take_one() */
          if
          :: idle[0] -> idle[0] = false; to = 0
          :: !idle[0] && idle[1] -> idle[1] = false; to = 1
          :: else -> to = kServers
          fi
        };
        if
        :: to < kServers -> atomic { task[to] = true; to = 0; break }
        :: else -> to = 0;
#ifndef KEEPS_COUNT
           searching--
#endif
        fi
     fi
  od
}

/* somebody_must_know(), and what follows from it */
inline notify_work() {
  atomic { know = (searching == 0) };
  if
  :: know -> atomic { know = (idle[0] || idle[1]) }
  :: else
  fi;
#ifndef MONITOR_NOT_TOLD
  if
  :: !know -> atomic { know = monitor_sleeps }
  :: else
  fi;
#endif
  if
  :: know -> know = false; wake_for_work()
  :: else
  fi
}

inline submit(where) {
#ifdef SUBMIT_LOOKS_FIRST
  notify_work();
  where++
#else
  where++;
  notify_work()
#endif
}

/* One look at one queue: takes one out. */
inline take_from(where) {
  if
  :: atomic { !f && where > 0 -> where--; f = true }
  :: atomic { f || where == 0 -> skip }
  fi
}

inline leave_search() {
  atomic { searching--; last = (searching == 0) };
#ifdef LAST_SEARCHER_SILENT
  last = false;
#endif
  if
  :: last ->
     last = false;
     has_queued_work();
     if
     :: f -> wake_for_work()
     :: else
     fi
  :: else
  fi
}

/* Leaves true in `counted` if a waker has counted us. */
inline sleep() {
  do
  :: atomic { !idle[me] -> sleeps[me] = false; break }
#ifdef SLEEP_WHATEVER_BIT
  :: atomic { idle[me] || !task[me] }; task[me]; task[me] = false
#else
  :: atomic { idle[me] -> sleeps[me] = true };
end_sleep:
     if
     :: atomic { task[me] -> task[me] = false }
     :: atomic { extras > 0 -> extras-- };
        atomic { /* withdraw() */
          counted = !idle[me];
          idle[me] = false;
          sleeps[me] = false
        };
#ifndef DEADLINE_NOT_COUNTED
        if
        :: !counted -> atomic { searching++; counted = true }
        :: else
        fi;
#endif
        if /* fire_all_due_timers(): tells the monitor */
        :: queue[me] = queue[me] + 2;
#ifndef MONITOR_NOT_TOLD
           wake_monitor_if_asleep()
#endif
        :: true
        fi;
        goto slept
     fi
#endif
  od;
  counted = true;
slept:
  skip
}

proctype server(byte me) {
  byte to;
  bool f, know, last, counted;
find:
  atomic { searching++; counted = true };
look:
  atomic { /* one step: nobody else puts anything into an empty queue[me] */
    take_from(queue[me]);
    take_from(inject)
  };
  if
  :: !f ->
     take_from(queue[1 - me]);
     take_from(inject)
  :: else
  fi;
  if
  :: f ->
     if
     :: counted -> counted = false; leave_search()
     :: else
     fi;
     f = false;
     goto run_fiber
  :: else
  fi;

#if defined(LAST_LOOK_FIRST)
  has_queued_work();
  idle[me] = true;
  atomic { searching--; counted = false };
#elif defined(BIT_AFTER_COUNT)
  atomic { searching--; counted = false };
  has_queued_work();
  idle[me] = true;
#elif defined(COUNT_AFTER_LOOK)
  idle[me] = true;
  has_queued_work();
  atomic { searching--; counted = false };
#else
  idle[me] = true; /* publish() */
  atomic { searching--; counted = false };
  has_queued_work();
#endif
#ifdef NO_LAST_LOOK
  f = false;
#endif
  if
  :: f ->
     f = false;
     atomic { counted = !idle[me]; idle[me] = false }; /* withdraw() */
#ifdef WOKEN_TWICE
     counted = false;
#endif
#ifndef LAST_LOOK_NOT_COUNTED
     if
     :: !counted -> atomic { searching++; counted = true }
     :: else
     fi
#endif
  :: else -> sleep()
  fi;
  goto look;

run_fiber:
  if
  :: atomic { extras > 0 -> extras-- }; submit(queue[me])
  :: true
  fi;
  if
  :: atomic { blocks > 0 -> blocks--; stuck[me] = true };
end_stuck:
     false
  :: true
  fi;
  goto find
}

proctype submitter() {
  byte to, n;
  bool know;
  do
  :: n < kInjected -> n++; submit(inject)
  :: else -> break
  od
}

/* Awake it finds queued work by itself, in time. */
proctype monitor() {
  bool f;
end_awake:
  do
  :: atomic { queued == 0 -> skip };
     monitor_sleeps = true; /* sleep_deep() */
#ifndef MONITOR_NO_LAST_LOOK
     has_queued_work();
#endif
     if
     :: f -> f = false
     :: else ->
        do
        :: atomic { !monitor_sleeps -> break }
        :: atomic { monitor_sleeps -> monitor_is_asleep = true };
end_asleep:
           atomic { monitor_task -> monitor_task = false; monitor_is_asleep = false }
        od
     fi;
     atomic { monitor_sleeps = false; monitor_is_asleep = false }
  od
}

init {
  atomic { run server(0); run server(1); run submitter(); run monitor() };
  timeout; /* nothing can move any more */
  assert(queued == 0 || (!sleeps[0] && !sleeps[1]));
  assert(queued == 0 || !monitor_is_asleep);
  assert(searching == 0);
  assert(idle[0] == sleeps[0] && idle[1] == sleeps[1]);
  assert(queued == 0 || (stuck[0] && stuck[1]))
}
