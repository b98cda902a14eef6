// SPDX-License-Identifier: Apache-2.0
// take_soon.h - a few more tries to take a lock that is held, before one waits in line for it.
//
// A lock is mostly held for less time than a park and a wake-up take. So one who finds it held,
// with nobody waiting, looks again for a while, less and less often, lest it take the holder's
// cache line away. Bounded, and not at all where the holder cannot be at work meanwhile.
#ifndef UMCG_RUNTIME_SYNC_TAKE_SOON_H_
#define UMCG_RUNTIME_SYNC_TAKE_SOON_H_

#include <cstdint>

#include "runtime/base/brief_lock.h"
#include "runtime/context/thread_state.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {

enum class Try : std::uint8_t { kTaken, kHeld, kMustWait };

// Whether a lock's holder can be at work while the caller looks on.
inline bool holder_may_run() noexcept {
  const Worker* const w = current_worker();
  return w == nullptr || w->rt->servers().size() > 1;
}

// `once` is one try. False: the caller must wait.
template <class Once>
bool take_soon(const Once& once) noexcept {
  if (!holder_may_run()) return false;
  constexpr int kMostPauses = 16;
  for (int pauses = 1; pauses <= kMostPauses; pauses *= 2) {
    for (int i = 0; i < pauses; ++i) cpu_relax();
    if (const Try result = once(); result != Try::kHeld) return result == Try::kTaken;
  }
  return false;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SYNC_TAKE_SOON_H_
