// SPDX-License-Identifier: Apache-2.0
// future_state.h - what a Promise and its Future share: one allocation, with a count of references.
//
// One word is the queue of those who wait; its flag says "ready". A state may have one watcher: a
// combined state (when_all, when_any) that is told when this one is ready, on the stack of whoever
// makes it so. See src/runtime/structure/future_state.cc.
#ifndef UMCG_INTERNAL_FUTURE_STATE_H_
#define UMCG_INTERNAL_FUTURE_STATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>  // std::future_errc
#include <memory>
#include <new>
#include <stop_token>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/select_case.h"
#include "umcg/internal/task.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

[[noreturn]] UMCG_API void throw_future_error(std::future_errc code);

class UMCG_API FutureState {
 public:
  FutureState(const FutureState&) = delete;
  FutureState& operator=(const FutureState&) = delete;

  void retain() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  // The last one destroys the state.
  void release() noexcept;
  // By an owner. Once there is no other one, there never will be: only owners make more.
  bool has_another_owner() const noexcept { return refs_.load(std::memory_order_relaxed) != 1; }

  // The giving side. claim() comes first and lets one through, the others it tells
  // promise_already_satisfied; then the result is stored; then it is published.
  void claim();
  void unclaim() noexcept { claimed_.store(false, std::memory_order_release); }  // to claim()
  void store_error(std::exception_ptr error) noexcept;
  // Calls store(arg), which stores a result; if it throws, the error is what it has thrown.
  void store_from(void (*store)(void* arg), void* arg) noexcept;
  void publish() noexcept;
  // The promise goes: if it has given nothing, the error is broken_promise.
  void abandon() noexcept;

  // The taking side. retrieve() adds a reference for it, the first beside the promise's; the second
  // call throws future_already_retrieved.
  void retrieve();
  bool is_ready() const noexcept;
  WaitStatus wait(const std::stop_token* stop, Deadline deadline);
  SelectCase ready_case() noexcept;
  // Waits; throws the error if that is the result. The first form is for the only taker.
  void wait_for_value();
  void wait_for_shared_value();

  // For a scope, which keeps the state of a child that has failed. share_error(): after the error
  // is stored, before it is published.
  void share_error() noexcept { error_shared_ = true; }
  bool has_failed() const noexcept { return holds_ == Holds::kError; }
  bool was_fetched() const noexcept { return fetched_.load(std::memory_order_relaxed); }
  [[noreturn]] void rethrow_shared();

  // Has watcher.input_ready(index) called, once, when this is ready; the watcher keeps itself alive
  // until then. False if it is ready already: no call.
  bool watch(FutureState& watcher, std::size_t index) noexcept;
  // No call is wanted any more. False: none was to come, or it is on its way.
  bool unwatch() noexcept;

 protected:
  explicit FutureState(std::uint32_t owners) noexcept : refs_(owners) {}
  virtual ~FutureState();

  // Of a combined state: never two at once for one index.
  virtual void input_ready(std::size_t index) noexcept;

  void note_value() noexcept { holds_ = Holds::kValue; }
  bool holds_value() const noexcept { return holds_ == Holds::kValue; }

 private:
  enum class Holds : std::uint8_t { kNothing, kValue, kError };

  std::atomic<std::uint32_t> refs_;
  std::atomic<bool> claimed_{false};    // written by the giving side
  std::atomic<bool> retrieved_{false};  // written by the promise's get_future()
  std::atomic<bool> fetched_{false};    // the error has been thrown at somebody
  Holds holds_ = Holds::kNothing;       // written before "ready", read after it
  bool error_shared_ = false;           // likewise
  WaitQueue queue_;
  FutureState* watcher_ = nullptr;  // of whoever has set, then has cleared, the bit of queue_
  std::size_t watch_index_ = 0;     // likewise
  std::exception_ptr error_;        // written before "ready"; then the taker's, if not shared
};

// The state with room for a result.
template <class R>
class FutureValue : public FutureState {
 public:
  explicit FutureValue(std::uint32_t owners = 1) noexcept : FutureState(owners) {}

  // Builds the result from what make() returns. After claim(), before publish().
  template <class Make>
  void store(Make&& make) {
    store_result<R>(std::addressof(value_), std::forward<Make>(make));
    note_value();
  }
  stored_t<R>& value() noexcept { return value_; }

 protected:
  ~FutureValue() override {
    if (holds_value()) std::destroy_at(std::addressof(value_));
  }

 private:
  union {
    stored_t<R> value_;
  };
};

// Owns one reference.
template <class State>
class StateRef {
 public:
  constexpr StateRef() noexcept = default;
  explicit StateRef(State* adopted) noexcept : state_(adopted) {}
  StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StateRef& operator=(StateRef&& other) noexcept {
    StateRef(std::move(other)).swap(*this);
    return *this;
  }
  ~StateRef() {
    if (state_ != nullptr) state_->release();
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State* get() const noexcept { return state_; }
  State* operator->() const noexcept { return state_; }
  // The state, or std::future_errc::no_state.
  State& checked() const {
    if (state_ == nullptr) throw_future_error(std::future_errc::no_state);
    return *state_;
  }
  StateRef share() const noexcept {
    if (state_ != nullptr) state_->retain();
    return StateRef(state_);
  }
  void swap(StateRef& other) noexcept { std::swap(state_, other.state_); }

 private:
  State* state_ = nullptr;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_FUTURE_STATE_H_
