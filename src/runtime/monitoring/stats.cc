// SPDX-License-Identifier: Apache-2.0
#include "umcg/stats.h"

#include "runtime/runtime_core.h"
#include "runtime/stack/guard.h"

namespace umcg::inline v0 {
namespace internal {
namespace {

void add(Stats& sum, const Counters& part) noexcept {
#define UMCG_ADD(name, description) sum.name += part.name.load(std::memory_order_relaxed);
  UMCG_COUNTERS(UMCG_ADD)
#undef UMCG_ADD
}

const char* handoff_name(Handoff h) noexcept {
  switch (h) {
    case Handoff::kAuto:
      return "standby";
    case Handoff::kMonitor:
      return "monitor";
    case Handoff::kOff:
      return "off";
    case Handoff::kChaos:
      return "chaos";
  }
  return "?";
}

}  // namespace

Stats RuntimeCore::stats() const {
  Stats s;
  add(s, page_.shared().counters);
  for (const Server& server : servers()) add(s, server.counters);
  s.stack_trims += stacks_.trims();
  s.servers = server_count_;
  s.workers = s.workers_peak = workers_.count();
  s.workers_idle = workers_.idle_count();
  s.fibers_live = live_fibers();
  s.stacks_mapped = stacks_.mapped();
  s.name = options_.name;
  s.stack_guard = guard_kind_name(guard_kind());
  s.handoff =
      handoff_name(standbys_ == nullptr && options_.handoff == Handoff::kAuto ? Handoff::kMonitor
                                                                              : options_.handoff);
  s.oracle = oracle_->name();
  s.barrier = has_barrier_ ? "membarrier" : "fence";
  s.handoff_latency = page_.shared().handoff_latency.read();
  return s;
}

}  // namespace internal

}  // namespace umcg::inline v0
