// SPDX-License-Identifier: Apache-2.0
// relaxed.h - Relaxed<T>: a variable of one thread that reports may read from another one.
#ifndef UMCG_RUNTIME_BASE_RELAXED_H_
#define UMCG_RUNTIME_BASE_RELAXED_H_

#include <atomic>

namespace umcg::inline v0::internal {

// Costs what a plain variable costs. No other data may be read on the strength of what it says.
template <class T>
class Relaxed {
 public:
  constexpr Relaxed() noexcept = default;
  constexpr explicit Relaxed(T value) noexcept : value_(value) {}
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed&) = delete;

  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_RELAXED_H_
