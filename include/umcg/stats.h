// SPDX-License-Identifier: Apache-2.0
// stats.h - Stats: what a runtime has done and what it has chosen, as a struct, as text for people,
// as JSON and as OpenMetrics. All functions here: anybody; they never suspend; may throw
// std::bad_alloc.
#ifndef UMCG_STATS_H_
#define UMCG_STATS_H_

#include <cstdint>
#include <span>
#include <string>

#include "umcg/histogram.h"
#include "umcg/internal/config.h"

namespace umcg::inline v0 {

// Each of them is declared here and nowhere else: X(name, description). All other forms of the
// statistics are made from these lists. A name that ends in _ns counts nanoseconds.

// What has happened since the runtime began. They only grow.
#define UMCG_COUNTERS(X)                                                              \
  X(fibers_started, "fibers started since the runtime began")                         \
  X(fibers_finished, "fibers that have ended")                                        \
  X(parks, "times a fiber stopped running to wait for something")                     \
  X(yields, "yields that switched to another fiber")                                  \
  X(steals, "times a server took fibers from another one")                            \
  X(overflows, "times a full local queue moved half its fibers to the shared one")    \
  X(injected, "fibers made ready from outside a server")                              \
  X(server_sleeps, "times a server found nothing to do and slept")                    \
  X(server_wakes, "times a sleeping server was woken for new work")                   \
  X(timers_fired, "waits ended by their deadline")                                    \
  X(handoffs_hint, "servers handed over at blocking() and blocking_now()")            \
  X(handoffs_pin, "servers handed over because a pinned fiber waited")                \
  X(handoffs_chaos, "servers handed over by chaos")                                   \
  X(chaos_delays, "times chaos held somebody up")                                     \
  X(chaos_turns, "times chaos took a fiber from elsewhere, or put one there")         \
  X(handoffs_detected, "servers taken from a worker that was seen to block")          \
  X(handoffs_by_standby, "those of them that the server's standby noticed")           \
  X(handoffs_by_return, "those of them that a worker noticed which came back itself") \
  X(handoffs_hog, "servers taken from a worker that computed on and on")              \
  X(claims_failed, "claims of a server that were given up, the worker being at work") \
  X(handoffs_refused, "hand-overs not done because no worker was to be had")          \
  X(at_bound_ns, "time that fibers waited for a worker at the bound")                 \
  X(dropped_exceptions, "exceptions that ~Fiber or ~Scope dropped")                   \
  X(stack_trims, "stack slabs whose memory was given back to the system")

// What is now.
#define UMCG_GAUGES(X)                                       \
  X(servers, "servers of the runtime")                       \
  X(workers, "OS threads that are workers")                  \
  X(workers_peak, "most workers there ever were at once")    \
  X(workers_idle, "workers that wait to take over a server") \
  X(fibers_live, "fibers started and not ended")             \
  X(stacks_mapped, "stacks that exist, in use or kept for use")

// What the runtime has chosen, in words.
#define UMCG_FACTS(X)                                                             \
  X(name, "RuntimeOptions::name")                                                 \
  X(stack_guard, "how stacks are guarded: guard_install, mprotect or canary")     \
  X(handoff, "the way of block detection in use: standby, monitor, off or chaos") \
  X(oracle, "what tells that a worker has blocked: clock, proc, perf or bpf")     \
  X(barrier, "how servers agree: membarrier, or fence where the kernel has none")

// How long things took, ns. The latency's first look comes a little after the block itself.
#define UMCG_HISTOGRAMS(X) \
  X(handoff_latency,       \
    "from the first look that found a worker off its CPU to its server in other hands")

// A reading of all of them. Taken while fibers run, each is exact in itself, but they are not of
// one instant.
struct Stats {
#define UMCG_NUMBER(name, description) std::uint64_t name = 0; /* description */
#define UMCG_FACT(name, description) std::string name;         /* description */
#define UMCG_HISTOGRAM(name, description) Histogram name;      /* description */
  UMCG_COUNTERS(UMCG_NUMBER)
  UMCG_GAUGES(UMCG_NUMBER)
  UMCG_FACTS(UMCG_FACT)
  UMCG_HISTOGRAMS(UMCG_HISTOGRAM)
#undef UMCG_NUMBER
#undef UMCG_FACT
#undef UMCG_HISTOGRAM

  // For people: one line each, "name value  # description".
  UMCG_API std::string to_string() const;
  // An object with the members "counters", "gauges", "facts" and "histograms". Times are in ns;
  // a histogram's "buckets" are pairs [the largest value counted, how many], without empty ones.
  UMCG_API std::string to_json() const;
  // As to_open_metrics() below, of this one.
  UMCG_API std::string to_open_metrics() const;
};

// The OpenMetrics text format, version 1.0, which Prometheus and its relatives read: each metric as
// umcg_NAME{runtime="..."}, times in seconds. For a process with several runtimes: a metric stands
// there once, with a sample for each.
UMCG_API std::string to_open_metrics(std::span<const Stats> runtimes);

}  // namespace umcg::inline v0

#endif  // UMCG_STATS_H_
