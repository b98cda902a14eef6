// SPDX-License-Identifier: Apache-2.0
// stats.h - Stats: what a runtime has done and what it has chosen, as numbers.
#ifndef UMCG_STATS_H_
#define UMCG_STATS_H_

#include <cstdint>
#include <string>

#include "umcg/histogram.h"
#include "umcg/internal/config.h"

namespace umcg::inline v0 {

// Each counter is declared here and nowhere else: X(name, description).
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
  X(handoffs_chaos, "servers handed over by handoff = chaos")                         \
  X(handoffs_detected, "servers taken from a worker that was seen to block")          \
  X(handoffs_by_standby, "those of them that the server's standby noticed")           \
  X(handoffs_hog, "servers taken from a worker that computed on and on")              \
  X(claims_failed, "claims of a server that were given up, the worker being at work") \
  X(handoffs_refused, "hand-overs not done because no worker was to be had")          \
  X(at_bound_ns, "time that fibers waited for a worker at the bound, ns")             \
  X(dropped_exceptions, "exceptions that ~Fiber or ~Scope dropped")                   \
  X(stack_trims, "stack slabs whose memory was given back to the system")

// A reading of all counters. Taken while fibers run, each is exact in itself, but they are not of
// one instant.
struct Stats {
#define UMCG_STATS_FIELD(name, description) std::uint64_t name = 0; /* description */
  UMCG_COUNTERS(UMCG_STATS_FIELD)
#undef UMCG_STATS_FIELD

  // Gauges.
  std::uint64_t servers = 0;        // servers of the runtime
  std::uint64_t workers = 0;        // OS threads that are workers now
  std::uint64_t workers_peak = 0;   // most workers there ever were at once
  std::uint64_t workers_idle = 0;   // workers that wait to take over a server
  std::uint64_t fibers_live = 0;    // started and not ended
  std::uint64_t stacks_mapped = 0;  // stacks that exist, in use or kept for use
  std::string stack_guard;  // how stacks are guarded: "guard_install", "mprotect" or "canary"
  std::string handoff;  // the way of block detection in use: "standby", "monitor", "off", "chaos"
  std::string oracle;   // what tells that a worker has blocked: "clock", "proc", "perf" or "bpf"
  // From the first look at which a worker was found off the CPU to its server in another one's
  // hands, ns. The block itself began a little earlier.
  Histogram handoff_latency;

  // One line per counter and gauge: "name value  # description".
  UMCG_API std::string to_string() const;
};

}  // namespace umcg::inline v0

#endif  // UMCG_STATS_H_
