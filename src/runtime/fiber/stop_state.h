// SPDX-License-Identifier: Apache-2.0
// stop_state.h - the stop state of a fiber, which costs nothing until somebody asks for a token.
//
// FiberCore::stop: 0, or kStopRequested, or the address of a std::stop_source, or both. A request
// sets the bit, then asks the source if there is one; whoever makes the source publishes it by CAS,
// then asks it if the bit (or the runtime's own flag) is set. Both are seq_cst, so one of the two
// sees the other.
#ifndef UMCG_RUNTIME_FIBER_STOP_STATE_H_
#define UMCG_RUNTIME_FIBER_STOP_STATE_H_

#include <stop_token>

#include "runtime/fiber/fiber_core.h"

namespace umcg::inline v0::internal {

// Any thread that knows the fiber to live. False if it was asked before. Runs stop callbacks.
bool request_stop(FiberCore& f);
// Any thread that knows the fiber to live.
std::stop_token stop_token(FiberCore& f);
// Asks all fibers of the runtime, whose stop flag is set already.
void request_stop_of_all(RuntimeCore& rt);
void free_stop_state(FiberCore& f) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_STOP_STATE_H_
