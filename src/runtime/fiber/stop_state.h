// SPDX-License-Identifier: Apache-2.0
// stop_state.h - the stop state of a fiber, which costs nothing until somebody asks for a token.
//
// FiberCore::stop: 0, or kStopRequested, or the address of a std::stop_source, or both. A request
// sets the bit, then asks the source if there is one; whoever makes the source publishes it by CAS,
// then asks it if the bit (or the runtime's own flag) is set. Both are seq_cst, so one of the two
// sees the other. A scope's child gets a copy of the scope's source instead of a fresh one: they
// share their state, so its token is the scope's.
#ifndef UMCG_RUNTIME_FIBER_STOP_STATE_H_
#define UMCG_RUNTIME_FIBER_STOP_STATE_H_

#include <stop_token>

#include "runtime/fiber/fiber_core.h"

namespace umcg::inline v0::internal {

// Requests a stop. Runs callbacks, in which the current fiber must not suspend. False if it was
// asked before.
bool ask(std::stop_source source) noexcept;
// Any thread that knows the fiber to live. False if it was asked before. Runs stop callbacks.
bool request_stop(FiberCore& f);
// The same; but of a group's child only itself, before its end.
std::stop_token stop_token(FiberCore& f);
// Asks all fibers of the runtime, whose stop flag is set already.
void request_stop_of_all(RuntimeCore& rt);
void free_stop_state(FiberCore& f) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_STOP_STATE_H_
