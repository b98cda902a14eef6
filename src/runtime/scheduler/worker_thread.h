// SPDX-License-Identifier: Apache-2.0
// worker_thread.h - the life of a worker: wait for orders, hold a server, lose it, wait again.
#ifndef UMCG_RUNTIME_SCHEDULER_WORKER_THREAD_H_
#define UMCG_RUNTIME_SCHEDULER_WORKER_THREAD_H_

namespace umcg::inline v0::internal {

struct Worker;

void worker_thread(Worker& worker);

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_WORKER_THREAD_H_
