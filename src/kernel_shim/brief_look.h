// SPDX-License-Identifier: Apache-2.0
// brief_look.h - BriefLook: looking for a moment before its user sleeps.
//
// Where the other side runs on another CPU, its answer comes within a microsecond; a sleep and a
// wake-up cost ten, on both sides. A look lasts about as long as a wake-up takes. Then one side
// that has just been woken still finds the other one looking, and from there on neither sleeps.
// Rejected: a shorter look. Whoever was woken answers one who has just gone to sleep, so both sleep
// for ever, or, after a lucky moment, never: the same calls took 1 or 30 us.
//
// It learns (trust.h): a long answer, or another thread on the other CPU, makes looks vain.
#ifndef UMCG_KERNEL_SHIM_BRIEF_LOOK_H_
#define UMCG_KERNEL_SHIM_BRIEF_LOOK_H_

#include "kernel_shim/cpu_relax.h"
#include "kernel_shim/trust.h"

namespace umcg::inline v0::internal::shim {

// One user at a time. Zeros are a new one.
class BriefLook {
 public:
  template <class Seen>
  bool sees(const Seen& seen) noexcept(noexcept(seen())) {
    if (!trust_.takes_this_chance()) return false;
    for (int i = 0; i < kTries; ++i) {
      if (seen()) {
        trust_.has_paid();
        return true;
      }
      cpu_relax();
    }
    trust_.was_in_vain();
    return false;
  }

 private:
  static constexpr int kTries = 1000;  // 20 to 50 us
  Trust<8> trust_;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_BRIEF_LOOK_H_
