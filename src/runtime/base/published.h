// SPDX-License-Identifier: Apache-2.0
// published.h - Published<T*>: a pointer of one thread that others may follow.
#ifndef UMCG_RUNTIME_BASE_PUBLISHED_H_
#define UMCG_RUNTIME_BASE_PUBLISHED_H_

#include <atomic>

namespace umcg::inline v0::internal {

// What it points to must outlive its readers, and be atomic where it changes after set().
template <class T>
class Published {
 public:
  // The owner.
  T get() const noexcept { return value_.load(std::memory_order_relaxed); }
  // Release pairs with the acquire below: what it points to has been made.
  void set(T value) noexcept { value_.store(value, std::memory_order_release); }

  // Others.
  T look() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<T> value_{};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_PUBLISHED_H_
