// SPDX-License-Identifier: Apache-2.0
// backoff.h - Backoff: the pauses between tries to take a lock that is held for some nanoseconds.
//
// Who looks all the time takes the lock's cache line away from its holder, and moves it to and fro
// with each operation. Who looks less often lets the holder's CPU do several in a row. Four senders
// and receivers of a channel on two CPUs: 100 ns per item with a look after each pause, 44 like
// this.
#ifndef UMCG_RUNTIME_BASE_BACKOFF_H_
#define UMCG_RUNTIME_BASE_BACKOFF_H_

#include "kernel_shim/cpu_relax.h"

namespace umcg::inline v0::internal {

class Backoff {
 public:
  // Waits, twice as long each time. False, and nothing done, when that has been enough (some 3 us,
  // by the processor): the holder may be off its CPU.
  bool wait() noexcept {
    if (pauses_ > kMostPauses) return false;
    for (int i = 0; i < pauses_; ++i) cpu_relax();
    pauses_ *= 2;
    return true;
  }

 private:
  static constexpr int kFewestPauses = 8;
  static constexpr int kMostPauses = 64;
  int pauses_ = kFewestPauses;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_BACKOFF_H_
