// SPDX-License-Identifier: Apache-2.0
// dump_signal.h - dumps of all runtimes that a signal asks for.
//
// What a handler may do is little, so it wakes a thread that is there for this alone, and that
// allocates, takes locks and waits as it likes. That thread may get stuck in turn, on a lock of
// malloc's that a stopped thread holds, say. So a handler that finds a dump begun 2 s ago and not
// ended writes one itself, by means that are safe there (fiber_report.h). It does not decide that
// sooner: two dumps at once on one terminal help nobody.
#ifndef UMCG_RUNTIME_DEBUG_DUMP_SIGNAL_H_
#define UMCG_RUNTIME_DEBUG_DUMP_SIGNAL_H_

namespace umcg::inline v0::internal {

// What the handler does in that case. Does nothing if it is at work already on another thread.
void dump_from_handler() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_DUMP_SIGNAL_H_
