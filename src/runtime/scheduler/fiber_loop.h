// SPDX-License-Identifier: Apache-2.0
// fiber_loop.h - running one fiber from its first instruction to its end.
#ifndef UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_
#define UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_

namespace umcg::inline v0::internal {

struct FiberCore;
struct Worker;

struct BodyEnd {
  Worker& worker;   // on which the fiber ended
  bool holds;       // it holds its server, and is inside the runtime
  FiberCore* next;  // then: a fiber that the end made ready and that is to run next, or null
};

// Outside the runtime, on the fiber's stack.
BodyEnd run_body(FiberCore& fiber) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_
