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

// Whether `joiner`, which waits for the end of `fiber` and for nothing else, can lend it its stack:
// the fiber is new and would get a stack of the default size, and so much is left of this one.
bool can_lend_stack(const FiberCore& joiner, const FiberCore& fiber) noexcept;
// Inside the runtime, on the joiner's stack. Runs the fiber there to its end. Comes back inside,
// maybe on another worker.
Worker& run_on_loan(Worker& worker, FiberCore& joiner, FiberCore& fiber) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_FIBER_LOOP_H_
