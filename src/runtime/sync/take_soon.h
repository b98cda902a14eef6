// SPDX-License-Identifier: Apache-2.0
// take_soon.h - a few more tries to take a lock that is held, before one waits in line for it.
//
// A lock is mostly held for less time than a park and a wake-up take. So one who finds it held
// looks again for a while, less and less often. The first look is not at once: with the lock's
// cache line back at the holder's CPU, that one does several operations in the time that one
// transfer of the line takes. Mutex, 100 fibers on two CPUs, the machine at its slowest: 32 ns per
// operation if the first look is after one pause (24 ns), 20 after 4, 14 after 16 with 128 at the
// most. Bounded, by some 6 us, and not at all where the holder is not at work meanwhile: with one
// server, or if it left its server with the lock in hand.
#ifndef UMCG_RUNTIME_SYNC_TAKE_SOON_H_
#define UMCG_RUNTIME_SYNC_TAKE_SOON_H_

#include <cstdint>

#include "kernel_shim/cpu_relax.h"
#include "runtime/context/thread_state.h"

namespace umcg::inline v0::internal {

enum class Try : std::uint8_t { kTaken, kHeld, kMustWait };

// Whether the fiber of that token is on a server of the caller's runtime. True too where that is
// not to be told: of 0, of a thread, by a thread, among many servers. False where there is only the
// caller's own. A guess: it may be otherwise by now.
bool may_be_at_work(std::uintptr_t holder) noexcept;

// After a failed CAS on a word that others change all the time without keeping anybody out, such as
// the count of readers: lets them have it for a while. For how long is left to chance, since two
// who wait equally long fall in step: 16 fibers with a semaphore, two CPUs, took 18 to 65 ns per
// operation with this or that fixed time.
class LetOthers {
 public:
  // At first 8 to 23 pauses, twice as many each time, up to three halves of `most_pauses`.
  explicit LetOthers(unsigned most_pauses) noexcept : most_pauses_(most_pauses) {}

  void wait() noexcept {
    const unsigned pauses = pauses_ / 2 + thread_random() % pauses_;
    for (unsigned i = 0; i < pauses; ++i) cpu_relax();
    if (pauses_ < most_pauses_) pauses_ *= 2;
  }

 private:
  const unsigned most_pauses_;
  unsigned pauses_ = 16;
};

// Waits for so long, or until the holder is not at work: then false.
inline bool stays_at_work(std::uintptr_t holder, int pauses) noexcept {
  constexpr int kPausesPerLook = 2;
  for (int i = 1; i <= pauses; ++i) {
    cpu_relax();
    if (i % kPausesPerLook == 0 && !may_be_at_work(holder)) return false;
  }
  return true;
}

// `holder`: a token, or 0. `once` is one try, and tells who holds it then. False: the caller must
// wait.
template <class Once>
bool take_soon(std::uintptr_t holder, const Once& once) noexcept {
  if (!may_be_at_work(holder)) return false;
  constexpr int kFewestPauses = 16;
  constexpr int kMostPauses = 128;
  bool at_work = true;
  for (int pauses = kFewestPauses; at_work && pauses <= kMostPauses; pauses *= 2) {
    at_work = stays_at_work(holder, pauses);
    if (const Try result = once(holder); result != Try::kHeld) return result == Try::kTaken;
  }
  return false;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SYNC_TAKE_SOON_H_
