// SPDX-License-Identifier: Apache-2.0
// thread_pool.h - ThreadPool: what a pool of threads was for, on fibers.
//
//     umcg::ThreadPool queries(rt, {.max_in_flight = 64});
//     umcg::Future<Row> row = queries.submit([=] { return database.find(id); });
//
// A task that blocks uses no thread of the pool up: there are none. So the number of threads, which
// was also a limit on how many tasks are at work at once, becomes that limit under its own name.
// Tasks beyond it wait in the order of submission, without a stack; those within it begin when a
// server takes them, in no particular order. With max_in_flight = 1 tasks run one after another.
// Several pools may share a runtime. The runtime must outlive its pools.
#ifndef UMCG_THREAD_POOL_H_
#define UMCG_THREAD_POOL_H_

#include <cstddef>
#include <limits>
#include <stop_token>
#include <utility>

#include "umcg/future.h"
#include "umcg/internal/config.h"
#include "umcg/internal/fiber_group.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class Runtime;

struct ThreadPoolOptions {
  std::size_t max_in_flight = std::numeric_limits<std::size_t>::max();  // at least 1
};

class UMCG_API ThreadPool final : private internal::FiberGroup {
 public:
  using Options = ThreadPoolOptions;

  // Throws std::invalid_argument if max_in_flight is 0.
  explicit ThreadPool(Runtime& rt, Options options = {});
  // wait(): all that was submitted is run first.
  ~ThreadPool();

  // Starts f(args...) as a fiber, or queues it. Any fiber or thread, tasks of the pool too. Never
  // suspends. Throws std::bad_alloc. A task within max_in_flight that waits for one beyond it waits
  // for ever, as in a pool of threads.
  template <class F, class... A>
  [[nodiscard]] auto submit(F&& f, A&&... a) {
    return spawn_child(nullptr, std::forward<F>(f), std::forward<A>(a)...);
  }
  // The same with no result. An exception ends the process, as in Runtime::post().
  template <class F, class... A>
  void post(F&& f, A&&... a) {
    post_child(nullptr, std::forward<F>(f), std::forward<A>(a)...);
  }

  // Waits until no task is queued or running. Any fiber or thread; on a task of this pool it
  // aborts. May suspend, may migrate. The tasks' ends happen before its return.
  void wait();
  WaitStatus wait(std::stop_token stop, Deadline deadline = {});

 private:
  void start_child(internal::BuiltFiber child) override;
  void note_result(internal::FutureState&) noexcept override {}
  void child_ended() noexcept override;

  const std::size_t max_in_flight_;
  // A lock, never waited in. Under it:
  internal::WaitQueue lock_;
  std::size_t in_flight_ = 0;
  internal::FiberCore* first_ = nullptr;  // built and not started
  internal::FiberCore* last_ = nullptr;
};

}  // namespace umcg::inline v0

#endif  // UMCG_THREAD_POOL_H_
