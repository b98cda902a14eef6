// SPDX-License-Identifier: Apache-2.0
// wait_graph.h - who waits for whom, and whether that goes round in a circle.
#ifndef UMCG_RUNTIME_WAITING_WAIT_GRAPH_H_
#define UMCG_RUNTIME_WAITING_WAIT_GRAPH_H_

#include <cstddef>

namespace umcg::inline v0::internal {

class RuntimeCore;

// Prints every deadlock of which a fiber of the runtime, or a plain thread, is part or to which one
// leads. Returns how many. Outside the runtime; any thread. Allocates.
std::size_t report_deadlocks(RuntimeCore& rt);

// For the monitor, when it is about to sleep until there is work: if all servers are idle, nothing
// is queued, no timer is armed and a plain thread waits, reports deadlocks; once per runtime. When
// any of that does not hold it costs a few loads.
void report_deadlocks_if_stuck(RuntimeCore& rt) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_WAIT_GRAPH_H_
