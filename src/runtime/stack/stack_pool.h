// SPDX-License-Identifier: Apache-2.0
// stack_pool.h - StackPool: where stacks come from and go back to. One per runtime.
//
// Stacks are carved from slabs (one mmap, NORESERVE, no huge pages), so a million stacks are a few
// dozen mappings. A stack that comes back is kept warm, its pages in memory and its entry loop
// suspended on it, and is the next to go out. Each server keeps a few of its own besides
// (server.h). Sizes are powers of two; each has its own slabs.
//
// Memory does not stay at its high-water mark: trim(), called off the hot path, gives the pages of
// slabs that are wholly free back to the system, beyond kKeepWarm bytes.
//
// Each stack has an eighth more than its size, in whole pages: what its fiber may have used of it
// when it lends the rest to another one (fiber_loop.cc).
//
// All functions: any thread, outside the runtime's no-blocking sections, but for release().
#ifndef UMCG_RUNTIME_STACK_STACK_POOL_H_
#define UMCG_RUNTIME_STACK_STACK_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/brief_lock.h"
#include "runtime/stack/stack.h"

namespace umcg::inline v0::internal {

struct StackSlab {
  StackSlab* next = nullptr;
  char* memory = nullptr;
  std::size_t bytes = 0;
  std::size_t stride = 0;  // guard + usable
  std::size_t guard = 0;
  std::size_t index = 0;      // of its size class
  std::size_t count = 0;      // stacks that fit
  std::size_t carved = 0;     // of these, handed out at least once since the last trim
  std::size_t guards = 0;     // leading stacks that have a guard
  std::size_t free_seen = 0;  // scratch of trim()
};

class StackPool {
 public:
  using EntryPoint = void (*)(void*);

  static constexpr std::size_t kMinSize = 16 * 1024;
  static constexpr std::size_t kMaxSize = std::size_t{1} << 30;
  static constexpr std::size_t kKeepWarm = std::size_t{64} << 20;

  // `entry` runs on every new stack. It must not return.
  StackPool(std::size_t default_size, EntryPoint entry);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // A stack with at least `size` usable bytes (0: the default), ready to be jumped to. Null when
  // the system has no more memory.
  Stack* allocate(std::size_t size = 0) noexcept;
  // Whether a stack without a guard has been overflowed.
  static bool is_overwritten(const Stack& stack) noexcept;
  // Does not block but for a brief lock.
  void release(Stack* stack) noexcept;
  void trim() noexcept;

  // What a fiber that asks for no size is promised, bytes.
  std::size_t default_size() const noexcept { return kMinSize << default_class_; }
  std::uint64_t mapped() const noexcept { return mapped_.load(std::memory_order_relaxed); }
  std::uint64_t trims() const noexcept { return trims_.load(std::memory_order_relaxed); }

 private:
  // Stacks of one size. Under lock_.
  struct SizeClass {
    Stack* warm = nullptr;
    std::size_t warm_count = 0;
    StackSlab* slabs = nullptr;
    StackSlab* carving = nullptr;  // the slab with stacks not carved yet
  };

  static std::size_t class_of(std::size_t size) noexcept;
  StackSlab* slab_to_carve(std::size_t index) noexcept;
  StackSlab* add_slab(std::size_t index) noexcept;
  Stack* build(StackSlab& slab, std::size_t slot, std::size_t index) noexcept;
  std::size_t trim_class(SizeClass& c, std::size_t stack_size) noexcept;

  static constexpr std::size_t kClasses = 17;  // 16 KiB << 0..16
  const std::size_t default_class_;
  const EntryPoint entry_;
  BriefLock lock_;
  SizeClass classes_[kClasses];
  std::atomic<std::uint64_t> mapped_{0};
  std::atomic<std::uint64_t> trims_{0};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_STACK_STACK_POOL_H_
