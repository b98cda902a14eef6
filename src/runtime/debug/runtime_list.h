// SPDX-License-Identifier: Apache-2.0
// runtime_list.h - RuntimeList: the runtimes of the process, for dumps from a signal and for gdb.
//
// Read without a lock, also by signal handlers. A reader counts itself before it looks; remove()
// takes the runtime out and then waits until nobody reads. Both are sequentially consistent: either
// the reader finds it gone, or remove() finds the reader.
#ifndef UMCG_RUNTIME_DEBUG_RUNTIME_LIST_H_
#define UMCG_RUNTIME_DEBUG_RUNTIME_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

class RuntimeCore;

class RuntimeList {
 public:
  // Beyond that many a runtime is not listed, and dumped by Runtime::dump() only.
  static constexpr std::size_t kMost = 64;

  static void add(RuntimeCore& rt) noexcept;
  static void remove(RuntimeCore& rt) noexcept;

  template <class Visit>
  static void for_each(Visit visit) {
    const Reader reader;
    for (auto& slot : slots_) {
      if (RuntimeCore* const rt = slot.load(std::memory_order_seq_cst)) visit(*rt);
    }
  }

 private:
  friend struct DebugLayout;
  struct Reader {
    Reader() noexcept { readers_.fetch_add(1, std::memory_order_seq_cst); }
    ~Reader() { readers_.fetch_sub(1, std::memory_order_release); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
  };

  static std::atomic<RuntimeCore*> slots_[kMost];
  static std::atomic<std::uint32_t> readers_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_RUNTIME_LIST_H_
