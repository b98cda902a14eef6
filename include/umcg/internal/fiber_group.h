// SPDX-License-Identifier: Apache-2.0
// fiber_group.h - FiberGroup: what a Scope and a ThreadPool have in common. They start children,
// count them, give each a Future, and wait for all.
//
// A child's end has an order: its function and arguments are destroyed, then its fiber-local
// values, then its future is ready, then it is counted down, which is its last touch of the group.
// So after a wait for the children nothing of them refers to what the group's owner may now
// destroy.
#ifndef UMCG_INTERNAL_FIBER_GROUP_H_
#define UMCG_INTERNAL_FIBER_GROUP_H_

#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "umcg/future.h"
#include "umcg/internal/launch.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace umcg::inline v0::internal {

class UMCG_API FiberGroup {
 public:
  FiberGroup(const FiberGroup&) = delete;
  FiberGroup& operator=(const FiberGroup&) = delete;

  // On the child: before its function; after all of it; and, last, when nothing of it is left.
  void begin_child() noexcept;
  void publish_result(FutureState& result) noexcept;
  void finish_child() noexcept;

  // Whose tokens the children have. Without a state: each child has its own.
  virtual std::stop_source children_stop() const { return std::stop_source(std::nostopstate); }

 protected:
  explicit FiberGroup(RuntimeCore& rt) noexcept : rt_(rt) {}
  ~FiberGroup() = default;

  template <class F, class... A>
  Future<launch_result_t<F, A...>> spawn_child(const SpawnOptions* options, F&& f, A&&... a);
  template <class F, class... A>
  void post_child(const SpawnOptions* options, F&& f, A&&... a);

  void add_and_start(BuiltFiber child);
  // Aborts on a child of the group, in the name of the function `who`.
  WaitStatus wait_for_children(const char* who, const std::stop_token* stop, Deadline deadline);

  static void start(const BuiltFiber& child) { start_fiber(child.fiber, child.ops, true); }
  RuntimeCore& runtime() const noexcept { return rt_; }

 private:
  virtual void start_child(BuiltFiber child) = 0;
  // Before the result is published; and when the child no longer needs what it used.
  virtual void note_result(FutureState& result) noexcept = 0;
  virtual void child_ended() noexcept = 0;

  RuntimeCore& rt_;
  WaitGroup children_;
};

// The function of a child. R: void if nobody wants the result (then there is no state either).
template <class R, class F, class... A>
class ChildTask {
 public:
  template <class F2, class... A2>
  ChildTask(FiberGroup& group, StateRef<FutureValue<R>> state, F2&& f, A2&&... a)
      : end_(group, std::move(state)), call_(std::forward<F2>(f), std::forward<A2>(a)...) {}

  void operator()() && {
    end_.group->begin_child();
    end_.begun = true;
    if (!end_.state) {
      (void)call_with<Called>(call_, &this_fiber::get_stop_token);
      return;
    }
    end_.state->store_from([](void* self) { static_cast<ChildTask*>(self)->store(); }, this);
  }

 private:
  using Called = launch_result_t<F, A...>;
  // Destroyed after the call, because declared before it.
  struct End {
    FiberGroup* group;
    StateRef<FutureValue<R>> state;
    bool begun = false;
    End(FiberGroup& g, StateRef<FutureValue<R>> s) noexcept : group(&g), state(std::move(s)) {}
    End(End&&) noexcept = default;
    ~End() {
      if (!begun) return;
      if (state) {
        group->publish_result(*state.get());
        StateRef<FutureValue<R>>().swap(state);  // maybe the last one: then the result goes too
      }
      group->finish_child();
    }
  };

  void store() {
    if constexpr (std::is_same_v<R, Called>) {
      end_.state->store([this]() -> R { return call_with<R>(call_, &this_fiber::get_stop_token); });
    }
  }

  End end_;
  std::tuple<F, A...> call_;
};

template <class F, class... A>
Future<launch_result_t<F, A...>> FiberGroup::spawn_child(const SpawnOptions* options, F&& f,
                                                         A&&... a) {
  using R = launch_result_t<F, A...>;
  auto* const shared = new FutureValue<R>(2);
  StateRef<FutureValue<R>> childs(shared);
  StateRef<FutureValue<R>> callers(shared);
  add_and_start(
      build_fiber(rt_, options,
                  ChildTask<R, std::decay_t<F>, std::decay_t<A>...>(
                      *this, std::move(childs), std::forward<F>(f), std::forward<A>(a)...)));
  return FutureMaker::make<R>(std::move(callers));
}

template <class F, class... A>
void FiberGroup::post_child(const SpawnOptions* options, F&& f, A&&... a) {
  add_and_start(build_fiber(rt_, options,
                            ChildTask<void, std::decay_t<F>, std::decay_t<A>...>(
                                *this, {}, std::forward<F>(f), std::forward<A>(a)...)));
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_FIBER_GROUP_H_
