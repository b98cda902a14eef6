// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/runtime_list.h"

#include <time.h>

#include "runtime/debug/debug_layout.h"

namespace umcg::inline v0::internal {

constinit std::atomic<RuntimeCore*> RuntimeList::slots_[kMost]{};
constinit std::atomic<std::uint32_t> RuntimeList::readers_{0};

void RuntimeList::add(RuntimeCore& rt) noexcept {
  keep_debug_layout();
  for (auto& slot : slots_) {
    RuntimeCore* none = nullptr;
    if (slot.compare_exchange_strong(none, &rt, std::memory_order_seq_cst)) return;
  }
}

void RuntimeList::remove(RuntimeCore& rt) noexcept {
  for (auto& slot : slots_) {
    RuntimeCore* expected = &rt;
    if (slot.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst)) break;
  }
  while (readers_.load(std::memory_order_seq_cst) != 0) {
    constexpr timespec kNap{0, 1'000'000};
    ::nanosleep(&kNap, nullptr);
  }
}

}  // namespace umcg::inline v0::internal
