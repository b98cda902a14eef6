// SPDX-License-Identifier: Apache-2.0
// shared_future.h - SharedFuture: one result for several who wait for it.
//
//     umcg::SharedFuture<Config> config = load.get_future().share();
//     for (auto& job : jobs) umcg::post([config, &job] { run(job, config.get()); });
//
// As std::shared_future: it can be copied, get() may be called again and again and gives the result
// where it is. It lives as long as a copy does. Each copy is for one fiber or thread at a time,
// different copies for any number at once. when_all() and when_any() take futures of one owner
// only. An exception is thrown at everybody.
#ifndef UMCG_SHARED_FUTURE_H_
#define UMCG_SHARED_FUTURE_H_

#include <type_traits>
#include <utility>

#include "umcg/future.h"

namespace umcg::inline v0 {

template <class R>
class SharedFuture : public internal::FutureBase<R> {
  using Base = internal::FutureBase<R>;

 public:
  constexpr SharedFuture() noexcept = default;
  // Takes the state over.
  SharedFuture(Future<R>&& future) noexcept  // NOLINT(google-explicit-constructor)
      : SharedFuture(future.share()) {}
  // Another handle of the same state.
  SharedFuture(const SharedFuture& other) noexcept : Base(other.state_.share()) {}
  SharedFuture(SharedFuture&&) noexcept = default;
  SharedFuture& operator=(const SharedFuture& other) noexcept {
    this->state_ = other.state_.share();
    return *this;
  }
  SharedFuture& operator=(SharedFuture&&) noexcept = default;
  ~SharedFuture() = default;

  // Waits, then gives the result: void, R's own reference, or const R&; or throws the error. May
  // suspend, may migrate. Throws std::future_error: no_state.
  decltype(auto) get() const {
    auto& state = this->state_.checked();
    state.wait_for_shared_value();
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(*state.value());
    } else if constexpr (!std::is_void_v<R>) {
      return std::as_const(state.value());
    }
  }

 private:
  friend class Future<R>;
  explicit SharedFuture(typename Base::State state) noexcept : Base(std::move(state)) {}
};

template <class R>
SharedFuture<R> Future<R>::share() noexcept {
  return SharedFuture<R>(std::move(this->state_));
}

}  // namespace umcg::inline v0

#endif  // UMCG_SHARED_FUTURE_H_
