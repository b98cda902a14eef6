// SPDX-License-Identifier: Apache-2.0
// scope.h - Scope: fibers that all end before a block does.
//
//     umcg::Scope scope(2s);                                  // all of it within 2 s
//     auto user = scope.spawn([&] { return load_user(id); });
//     auto cart = scope.spawn([&] { return load_cart(id); });
//     scope.join();                                           // or the first exception
//     return page(user.get(), cart.get());
//
// Children may use what the block owns. When one throws, the deadline passes or the parent is asked
// to stop, the others are asked to stop: each has the scope's stop token as its own
// (this_fiber::get_stop_token(), a std::stop_token as first parameter). To be asked ends nothing by
// itself; a child must look, or wait with the token. See docs/structured-concurrency.md.
#ifndef UMCG_SCOPE_H_
#define UMCG_SCOPE_H_

#include <atomic>
#include <stop_token>
#include <utility>

#include "umcg/deadline_stop.h"
#include "umcg/future.h"
#include "umcg/internal/config.h"
#include "umcg/internal/fiber_group.h"
#include "umcg/this_fiber.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

class UMCG_API Scope final : private internal::FiberGroup {
 public:
  // On a fiber, or on a thread that has entered a runtime; elsewhere it aborts. Children run on
  // that runtime.
  explicit Scope(Deadline deadline = {}, std::stop_token parent = this_fiber::get_stop_token());
  // Asks the children to stop and waits for them. An exception that nobody has fetched, from join()
  // or from its future, is dropped, logged once and counted. May suspend, may migrate.
  ~Scope();

  // Starts a child. The owner of the scope, and its children; after a request to stop, too: the
  // child finds itself asked. The future may be dropped. Never suspends. Throws std::bad_alloc;
  // std::system_error if it is to be bound and there is no thread.
  template <internal::NotSpawnOptions F, class... A>
  auto spawn(F&& f, A&&... a) {
    return spawn_child(nullptr, std::forward<F>(f), std::forward<A>(a)...);
  }
  template <class F, class... A>
  auto spawn(const SpawnOptions& options, F&& f, A&&... a) {
    return spawn_child(&options, std::forward<F>(f), std::forward<A>(a)...);
  }

  // Waits until all children have ended, then throws the first exception of any, once. On a child
  // it aborts. May suspend, may migrate. The children's ends happen before its return.
  void join();
  // The interruptible wait; leaves an exception to join().
  WaitStatus wait(std::stop_token stop = {}, Deadline deadline = {});

  // Any fiber or thread. Runs stop callbacks here. False if a stop was requested before.
  bool request_stop() noexcept { return stop_.request_stop(); }
  std::stop_token get_stop_token() const noexcept { return stop_.get_token(); }

 private:
  std::stop_source children_stop() const override;
  void start_child(internal::BuiltFiber child) override;
  void note_result(internal::FutureState& result) noexcept override;
  void child_ended() noexcept override {}

  DeadlineStop stop_;
  // The state of the first child that threw, with one reference. Written by that child, by CAS.
  std::atomic<internal::FutureState*> failed_{nullptr};
};

}  // namespace umcg::inline v0

#endif  // UMCG_SCOPE_H_
