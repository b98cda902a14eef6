// SPDX-License-Identifier: Apache-2.0
// backoff.h - Backoff: the pauses between tries to take a lock that is held for some nanoseconds.
//
// Who looks all the time takes the lock's cache line away from its holder, and moves it to and fro
// with each operation. Who looks less often lets the holder's CPU do several in a row. And who
// gives up soon sleeps on a lock that is only busy: then others call the kernel to wake him, with
// each operation, until he runs. Four senders and receivers of a channel on two CPUs: 100 ns per
// item with a look after each pause, or with five looks of at most 64 pauses and a sleep; 19 like
// this.
#ifndef UMCG_RUNTIME_BASE_BACKOFF_H_
#define UMCG_RUNTIME_BASE_BACKOFF_H_

#include "kernel_shim/cpu_relax.h"

namespace umcg::inline v0::internal {

class Backoff {
 public:
  // Waits, longer each time. False, and nothing done, when that has been enough (some 40 us, by the
  // processor): the holder may be off its CPU.
  bool wait() noexcept {
    if (looks_ == kLooks) return false;
    ++looks_;
    for (int i = 0; i < pauses_; ++i) cpu_relax();
    if (pauses_ < kMostPauses) pauses_ *= 2;
    return true;
  }

 private:
  static constexpr int kFewestPauses = 16;
  static constexpr int kMostPauses = 128;
  static constexpr int kLooks = 16;
  int pauses_ = kFewestPauses;
  int looks_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_BACKOFF_H_
