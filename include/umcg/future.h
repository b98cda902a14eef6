// SPDX-License-Identifier: Apache-2.0
// future.h - Promise, Future: one result that somebody gives and somebody else waits for.
//
//     umcg::Promise<int> answer;
//     umcg::Future<int> future = answer.get_future();
//     umcg::post([p = std::move(answer)]() mutable { p.set_value(42); });
//     use(future.get());
//
// As std::promise and std::future, with their errors (std::future_error); a fiber that waits parks.
// For the result of a function there are spawn() (fiber.h), Scope (scope.h) and ThreadPool
// (thread_pool.h). A future's destructor never waits. when_all() and when_any() combine futures
// without a fiber that waits for each. One allocation per promise. Promise and future may be of
// different fibers, threads and runtimes; each is for one at a time. Memory order: set_value()
// happens before the return of the wait that it ends.
#ifndef UMCG_FUTURE_H_
#define UMCG_FUTURE_H_

#include <exception>
#include <future>  // std::future_status, std::future_error
#include <type_traits>
#include <utility>

#include "umcg/internal/future_base.h"
#include "umcg/internal/future_state.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

template <class R>
class SharedFuture;  // umcg/shared_future.h

// valid(), is_ready(), the waits, and on_ready() for select() are in internal/future_base.h.
template <class R>
class Future : public internal::FutureBase<R> {
 public:
  constexpr Future() noexcept = default;

  // Waits, then hands out the result or throws the error. Once: valid() is false after it. May
  // suspend, may migrate.
  R get() {
    this->state_.checked();
    const auto state = std::move(this->state_);
    state->wait_for_value();
    return internal::take_stored<R>(&state->value());
  }

  // For several who want the result: with umcg/shared_future.h. valid() is false after it.
  SharedFuture<R> share() noexcept;

 private:
  friend struct FutureMaker;
  explicit Future(internal::StateRef<internal::FutureValue<R>> state) noexcept
      : internal::FutureBase<R>(std::move(state)) {}
};

// Internal: the way between futures and their states.
struct FutureMaker {
  template <class R>
  static Future<R> make(internal::StateRef<internal::FutureValue<R>> state) noexcept {
    return Future<R>(std::move(state));
  }
  template <class R>
  static internal::FutureState& state_of(const Future<R>& future) {
    return future.state_.checked();
  }
};

namespace internal {

// What promises have in common whatever their result is.
template <class R>
class PromiseBase {
 public:
  PromiseBase() : state_(new FutureValue<R>) {}
  PromiseBase(PromiseBase&&) noexcept = default;
  PromiseBase& operator=(PromiseBase&& other) noexcept {
    PromiseBase(std::move(other)).swap(*this);
    return *this;
  }
  // A future that got nothing gets std::future_errc::broken_promise.
  ~PromiseBase() {
    if (state_) state_->abandon();
  }

  // Once; then future_already_retrieved.
  Future<R> get_future() {
    state_.checked().retrieve();
    return FutureMaker::make<R>(StateRef<FutureValue<R>>(state_.get()));
  }

  // Any fiber or thread. Never suspends. A second result throws promise_already_satisfied.
  void set_exception(std::exception_ptr error) {
    state_.checked().claim();
    state_->store_error(std::move(error));
    state_->publish();
  }

 protected:
  void swap(PromiseBase& other) noexcept { state_.swap(other.state_); }

  // Like set_exception(). If building the result throws, there is none yet.
  template <class Make>
  void set(Make make) {
    state_.checked().claim();
    Claim claim{state_.get()};
    state_->store(make);
    std::exchange(claim.state, nullptr)->publish();
  }

 private:
  // Given back unless there is a result.
  struct Claim {
    FutureState* state;
    ~Claim() {
      if (state != nullptr) state->unclaim();
    }
  };

  StateRef<FutureValue<R>> state_;
};

}  // namespace internal

template <class R>
class Promise : public internal::PromiseBase<R> {
 public:
  // Any fiber or thread, once. Never suspends. Throws std::future_error: promise_already_satisfied,
  // no_state; and what R's constructor throws.
  void set_value(const R& value) {
    this->set([&]() -> R { return value; });
  }
  void set_value(R&& value) {
    this->set([&]() -> R { return std::move(value); });
  }
  void swap(Promise& other) noexcept { internal::PromiseBase<R>::swap(other); }
};
template <class R>
class Promise<R&> : public internal::PromiseBase<R&> {
 public:
  // Any fiber or thread, once. Never suspends. Throws std::future_error: promise_already_satisfied,
  // no_state; and what R's constructor throws.
  void set_value(R& value) {
    this->set([&]() -> R& { return value; });
  }
  void swap(Promise& other) noexcept { internal::PromiseBase<R&>::swap(other); }
};
template <>
class Promise<void> : public internal::PromiseBase<void> {
 public:
  // Any fiber or thread, once. Never suspends. Throws std::future_error: promise_already_satisfied,
  // no_state.
  void set_value() {
    set([] {});
  }
  void swap(Promise& other) noexcept { internal::PromiseBase<void>::swap(other); }
};

template <class R>
void swap(Promise<R>& a, Promise<R>& b) noexcept {
  a.swap(b);
}

}  // namespace umcg::inline v0

#include "umcg/internal/when.h"  // when_all, when_any

#endif  // UMCG_FUTURE_H_
