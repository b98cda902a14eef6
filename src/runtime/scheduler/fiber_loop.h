// SPDX-License-Identifier: Apache-2.0
// fiber_loop.h - running one fiber from its first instruction to its end.
#ifndef UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_
#define UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_

namespace umcg::inline v0::internal {

struct FiberCore;

// Outside the runtime, on the fiber's stack. Returns on the worker that it ended on: inside the
// runtime if `holds`, and then a fiber that is to run next, if the end made one ready.
FiberCore* run_body(FiberCore& fiber, bool& holds) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_
