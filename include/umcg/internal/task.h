// SPDX-License-Identifier: Apache-2.0
// task.h - the typed half of a launch: a decayed call and, later, its result, in one block of
// storage that the runtime carries without knowing the types.
#ifndef UMCG_INTERNAL_TASK_H_
#define UMCG_INTERNAL_TASK_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "umcg/internal/config.h"

namespace umcg::inline v0::internal {

struct FiberCore;  // the runtime's descriptor of a fiber

// What the runtime may do with a task. It catches what invoke throws: were there handlers here, one
// file compiled without exceptions could take them away from all others, since the linker keeps one
// copy of an inline function.
struct TaskOps {
  void (*invoke)(void* task, FiberCore* self);  // once, on the fiber; throws what the call throws
  void (*destroy)(void* task) noexcept;  // once, after invoke, or instead of it; drops the result
};

// The stop token of the fiber; makes its stop state on first use.
UMCG_API std::stop_token stop_token_of(FiberCore* self);

template <class F, class... A>
inline constexpr bool kTakesStopToken =
    std::is_invocable_v<std::decay_t<F>, std::stop_token, std::decay_t<A>...>;

template <class F, class... A>
struct LaunchResult {
  static_assert(
      kTakesStopToken<F, A...> || std::is_invocable_v<std::decay_t<F>, std::decay_t<A>...>,
      "umcg: a fiber's function must be invocable with the decayed copies of its arguments");
  using type = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>;
};
template <class F, class... A>
requires kTakesStopToken<F, A...>
struct LaunchResult<F, A...> {
  using type = std::invoke_result_t<std::decay_t<F>, std::stop_token, std::decay_t<A>...>;
};
template <class F, class... A>
using launch_result_t = typename LaunchResult<F, A...>::type;

// R as it is stored: references as pointers, void as nothing.
template <class R>
struct Stored {
  using type = R;
};
template <class R>
struct Stored<R&> {
  using type = R*;
};
template <class R>
struct Stored<R&&> {
  using type = std::remove_reference_t<R>*;
};
template <>
struct Stored<void> {
  struct type {};
};

template <class R>
using stored_t = typename Stored<R>::type;

// Calls the function in front with the arguments behind it, all as rvalues, and with a stop token
// between if it takes one.
template <class R, class GetStopToken, class F, class... A>
R call_with(std::tuple<F, A...>& call, GetStopToken get_stop_token) {
  return std::apply(
      [&](F& f, A&... args) -> R {
        if constexpr (kTakesStopToken<F, A...>) {
          return std::invoke(std::move(f), get_stop_token(), std::move(args)...);
        } else {
          return std::invoke(std::move(f), std::move(args)...);
        }
      },
      call);
}

// Builds at `where` the stored form of what make() returns.
template <class R, class Make>
void store_result(void* where, Make&& make) {
  if constexpr (std::is_void_v<R>) {
    make();
    ::new (where) stored_t<R>();
  } else if constexpr (std::is_reference_v<R>) {
    R r = make();
    ::new (where) stored_t<R>(std::addressof(r));
  } else {
    ::new (where) stored_t<R>(make());
  }
}

// The result is kept apart from the call, so that it outlives the arguments.
template <class R, class F, class... A>
class Task {
 public:
  template <class F2, class... A2>
  explicit Task(std::in_place_t, F2&& f, A2&&... a)
      : call_(std::forward<F2>(f), std::forward<A2>(a)...) {}

  // NOLINTNEXTLINE(modernize-use-equals-default): a union member needs it
  ~Task() {}

  static stored_t<R>* result_of(void* task) noexcept {
    return std::addressof(static_cast<Task*>(task)->result_);
  }

  static const TaskOps ops;

 private:
  enum class Holds : unsigned char { kCall, kNothing, kResult };
  using Call = std::tuple<std::decay_t<F>, std::decay_t<A>...>;

  struct EndOfCall {
    Task* task;
    ~EndOfCall() {
      task->call_.~Call();
      task->holds_ = task->stored_ ? Holds::kResult : Holds::kNothing;
    }
  };

  static void invoke(void* task, FiberCore* self) {
    const EndOfCall end{static_cast<Task*>(task)};
    end.task->call_and_store(self);
  }

  static void destroy(void* task) noexcept {
    Task* t = static_cast<Task*>(task);
    if (t->holds_ == Holds::kCall) t->call_.~Call();
    if (t->holds_ == Holds::kResult) std::destroy_at(std::addressof(t->result_));
  }

  void call_and_store(FiberCore* self) {
    store_result<R>(std::addressof(result_), [this, self]() -> R {
      return call_with<R>(call_, [self] { return stop_token_of(self); });
    });
    stored_ = true;
  }

  union {
    Call call_;
  };
  union {
    stored_t<R> result_;
  };
  Holds holds_ = Holds::kCall;
  bool stored_ = false;
};

template <class R, class F, class... A>
constexpr TaskOps Task<R, F, A...>::ops = {&Task::invoke, &Task::destroy};

// Hands out a stored result as the R that join() returns.
template <class R>
R take_stored(stored_t<R>* result) {
  if constexpr (std::is_void_v<R>) {
    (void)result;
  } else if constexpr (std::is_reference_v<R>) {
    return static_cast<R>(**result);
  } else {
    return std::move(*result);
  }
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_TASK_H_
