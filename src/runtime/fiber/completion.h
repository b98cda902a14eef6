// SPDX-License-Identifier: Apache-2.0
// completion.h - the end of a fiber, and of its descriptor. See fiber_loop.cc for who frees what.
#ifndef UMCG_RUNTIME_FIBER_COMPLETION_H_
#define UMCG_RUNTIME_FIBER_COMPLETION_H_

#include "runtime/fiber/fiber_core.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;
struct Worker;

// Outside the runtime. If the fiber is detached: ends the process if it threw, else destroys its
// task.
bool finish_if_detached(FiberCore& f) noexcept;

// Marks the end and makes the joiner ready. `holds`: whether the worker holds its server; may
// become false. If the joiner is a fiber of this runtime it is returned, to run next, when the
// server is held.
FiberCore* complete(FiberCore& f, Worker& w, bool& holds) noexcept;

// Outside the runtime. Destroys the task and all that the descriptor owns.
void destroy_task(FiberCore& f) noexcept;

// Outside the runtime.
void free_name(FiberCore& f) noexcept;

// Gives back a descriptor that owns nothing any more, to the server (held by the caller) or, with
// null, to the slab.
void recycle_fiber(RuntimeCore& rt, Server* server, FiberCore& f) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_COMPLETION_H_
