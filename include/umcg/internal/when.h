// SPDX-License-Identifier: Apache-2.0
// when.h - when_all(), when_any(): several futures as one. Part of umcg/future.h.
//
//     auto [a, b] = umcg::when_all(std::move(first), std::move(second)).get();
//     auto won = umcg::when_any(std::move(replies)).get();    // a std::vector of futures
//     use(won.futures[won.index].get());
//
// The combined future takes the others over and hands them back when it is ready. No fiber waits
// meanwhile: whoever makes an input ready tells the combined state. The combination itself holds no
// exception; an input's is where it was, in that input.
#ifndef UMCG_INTERNAL_WHEN_H_
#define UMCG_INTERNAL_WHEN_H_

#include <atomic>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "umcg/future.h"

namespace umcg::inline v0 {

// What when_any() gives: all the futures, and which of them was ready first.
template <class Sequence>
struct WhenAnyResult {
  std::size_t index;  // static_cast<std::size_t>(-1) if there are none
  Sequence futures;
};

namespace internal {

// visit(state, index) for each future of a std::tuple or std::vector.
template <class Visit, class... R>
void for_each_state(std::tuple<Future<R>...>& futures, Visit visit) {
  [[maybe_unused]] std::size_t i = 0;
  std::apply([&](auto&... f) { (visit(FutureMaker::state_of(f), i++), ...); }, futures);
}
template <class Visit, class R>
void for_each_state(std::vector<Future<R>>& futures, Visit visit) {
  for (std::size_t i = 0; i < futures.size(); ++i) visit(FutureMaker::state_of(futures[i]), i);
}

// Makes sure that each has a state before anything is touched.
template <class Sequence>
std::size_t count_states(Sequence& futures) {
  std::size_t n = 0;
  for_each_state(futures, [&](FutureState&, std::size_t) { ++n; });
  return n;
}

// `left_` counts the inputs that are not ready, and the loop that watches them: the futures may be
// handed out only when nobody goes through them any more. All of those share one reference.
template <class Sequence>
class AllState final : public FutureValue<Sequence> {
 public:
  explicit AllState(Sequence&& futures) : left_(count_states(futures) + 1) {
    this->store([&]() -> Sequence { return std::move(futures); });
  }
  void start() noexcept {
    this->retain();
    for_each_state(this->value(), [this](FutureState& input, std::size_t i) {
      if (!input.watch(*this, i)) input_ready(i);
    });
    input_ready(0);
  }

 private:
  void input_ready(std::size_t) noexcept override {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    this->publish();
    this->release();
  }
  std::atomic<std::size_t> left_;
};

// The first input that is ready wins. The result is published by whoever comes last of two: the
// winner, and the loop that watches the inputs. Before that he takes the watch off the others, so
// that they come back as they went in. An input may be late, so each has a reference.
template <class Sequence>
class AnyState final : public FutureValue<WhenAnyResult<Sequence>> {
 public:
  explicit AnyState(Sequence&& futures) {
    const std::size_t n = count_states(futures);
    this->store([&] {
      return WhenAnyResult<Sequence>{static_cast<std::size_t>(-1), std::move(futures)};
    });
    if (n == 0) left_.store(1, std::memory_order_relaxed);
  }
  void start() noexcept {
    for_each_state(this->value().futures, [this](FutureState& input, std::size_t i) {
      if (won_.load(std::memory_order_relaxed)) return;
      this->retain();
      if (!input.watch(*this, i)) input_ready(i);
    });
    count_down();
  }

 private:
  void input_ready(std::size_t index) noexcept override {
    if (!won_.exchange(true, std::memory_order_relaxed)) {
      this->value().index = index;
      count_down();
    }
    this->release();
  }
  void count_down() noexcept {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for_each_state(this->value().futures, [this](FutureState& input, std::size_t) {
      if (input.unwatch()) this->release();
    });
    this->publish();
  }
  std::atomic<bool> won_{false};
  std::atomic<int> left_{2};
};

template <template <class> class State, class R, class Sequence>
Future<R> combine(Sequence futures) {
  auto* const state = new State<Sequence>(std::move(futures));
  state->retain();
  StateRef<FutureValue<R>> result(state);
  state->start();
  state->release();
  return FutureMaker::make<R>(std::move(result));
}

}  // namespace internal

// Ready when all are; then get() gives the futures back, each of them ready. Any fiber or thread.
// Never suspends. Throws std::future_error: no_state if one has no state.
template <class... R>
[[nodiscard]] Future<std::tuple<Future<R>...>> when_all(Future<R>... futures) {
  using Sequence = std::tuple<Future<R>...>;
  return internal::combine<internal::AllState, Sequence>(Sequence(std::move(futures)...));
}
template <class R>
[[nodiscard]] Future<std::vector<Future<R>>> when_all(std::vector<Future<R>> futures) {
  using Sequence = std::vector<Future<R>>;
  return internal::combine<internal::AllState, Sequence>(std::move(futures));
}

// Ready when one of them is; then get() gives all of them back. As when_all() otherwise.
template <class... R>
[[nodiscard]] Future<WhenAnyResult<std::tuple<Future<R>...>>> when_any(Future<R>... futures) {
  using Sequence = std::tuple<Future<R>...>;
  return internal::combine<internal::AnyState, WhenAnyResult<Sequence>>(
      Sequence(std::move(futures)...));
}
template <class R>
[[nodiscard]] Future<WhenAnyResult<std::vector<Future<R>>>> when_any(
    std::vector<Future<R>> futures) {
  using Sequence = std::vector<Future<R>>;
  return internal::combine<internal::AnyState, WhenAnyResult<Sequence>>(std::move(futures));
}

}  // namespace umcg::inline v0

#endif  // UMCG_INTERNAL_WHEN_H_
