// SPDX-License-Identifier: Apache-2.0
// mutex_owner.h - who holds a mutex: what a recursive one asks at each lock and unlock.
#ifndef UMCG_RUNTIME_SYNC_MUTEX_OWNER_H_
#define UMCG_RUNTIME_SYNC_MUTEX_OWNER_H_

#include <atomic>
#include <cstdint>

#include "runtime/scheduler/worker.h"
#include "umcg/mutex.h"

namespace umcg::inline v0 {
namespace internal {

inline constexpr std::uintptr_t kMutexAwaited = 1;

}  // namespace internal

inline bool Mutex::is_held_by_caller() const noexcept {
  // Only the caller itself could make that true or false.
  return (owner_.load(std::memory_order_relaxed) & ~internal::kMutexAwaited) ==
         internal::current_token();
}

}  // namespace umcg::inline v0

#endif  // UMCG_RUNTIME_SYNC_MUTEX_OWNER_H_
