// SPDX-License-Identifier: Apache-2.0
// take_soon.h - a few more tries to take a lock that is held, before one waits in line for it.
//
// A lock is mostly held for less time than a park and a wake-up take. So one who finds it held
// looks again for a while, less and less often, lest it take the holder's cache line away. Bounded,
// and not at all where the holder is not at work meanwhile: with one server, or if it left its
// server with the lock in hand.
#ifndef UMCG_RUNTIME_SYNC_TAKE_SOON_H_
#define UMCG_RUNTIME_SYNC_TAKE_SOON_H_

#include <cstdint>

#include "runtime/base/brief_lock.h"

namespace umcg::inline v0::internal {

enum class Try : std::uint8_t { kTaken, kHeld, kMustWait };

// Whether the fiber of that token is on a server of the caller's runtime. True too where that is
// not to be told: of 0, of a thread, by a thread, among many servers. False where there is only the
// caller's own. A guess: it may be otherwise by now.
bool may_be_at_work(std::uintptr_t holder) noexcept;

// `holder`: a token, or 0. `once` is one try. False: the caller must wait.
template <class Once>
bool take_soon(std::uintptr_t holder, const Once& once) noexcept {
  if (!may_be_at_work(holder)) return false;
  constexpr int kMostPauses = 16;
  for (int pauses = 1; pauses <= kMostPauses; pauses *= 2) {
    for (int i = 0; i < pauses; ++i) cpu_relax();
    if (const Try result = once(); result != Try::kHeld) return result == Try::kTaken;
  }
  return false;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SYNC_TAKE_SOON_H_
