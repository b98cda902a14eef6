// SPDX-License-Identifier: Apache-2.0
// worker_thread.h - the life of a worker: wait for orders, hold a server, lose it, wait again.
#ifndef UMCG_RUNTIME_HANDOFF_WORKER_THREAD_H_
#define UMCG_RUNTIME_HANDOFF_WORKER_THREAD_H_

#include "runtime/base/slice.h"

namespace umcg::inline v0::internal {

struct Server;
struct Worker;

void worker_thread(Worker& worker);

// By whoever disposes of the worker, the monitor that has taken its server, or itself: see
// base/slice.h. Does not block.
void set_time_slice(Worker& worker, TimeSlice slice) noexcept;

// By a worker that the server's word names. True: it is inside the runtime with the server. False:
// it has lost it again. Before it took the server its thread had blocked so often (retake.h).
bool begin_to_hold(Worker& worker, Server& server, long blocks) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_WORKER_THREAD_H_
