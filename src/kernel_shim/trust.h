// SPDX-License-Identifier: Apache-2.0
// trust.h - Trust: whether to try what pays either often or never.
//
// After kDoubt tries in vain, on balance, only one of kSeldom chances is taken, and half as many
// after each of these that was in vain as well, down to one of kSeldom << kMostHalvings. One that
// pays makes up for `kMakesUpFor` in vain: so a try is worth while that pays once in that many and
// one.
#ifndef UMCG_KERNEL_SHIM_TRUST_H_
#define UMCG_KERNEL_SHIM_TRUST_H_

#include <algorithm>

namespace umcg::inline v0::internal::shim {

// One user at a time. Zeros are a new one.
template <int kMakesUpFor>
class Trust {
 public:
  bool takes_this_chance() noexcept {
    if (doubt_ < kDoubt) return true;
    if (++skipped_ < kSeldom << halvings_) return false;
    skipped_ = 0;
    return true;
  }
  void has_paid() noexcept {
    doubt_ = std::max(0, doubt_ - kMakesUpFor);
    halvings_ = 0;
  }
  void was_in_vain() noexcept {
    if (doubt_ < kDoubt) {
      ++doubt_;
    } else {
      halvings_ = std::min(halvings_ + 1, kMostHalvings);
    }
  }

 private:
  static constexpr int kDoubt = 8;
  static constexpr unsigned kSeldom = 32;
  static constexpr int kMostHalvings = 3;
  int doubt_ = 0;
  int halvings_ = 0;
  unsigned skipped_ = 0;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TRUST_H_
