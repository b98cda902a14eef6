// SPDX-License-Identifier: Apache-2.0
// trust.h - Trust: whether to try what pays either often or never.
//
// After kDoubt tries in vain, on balance, only one of kSeldom chances is taken. One that pays makes
// up for `kMakesUpFor` in vain: so a try is worth while that pays once in that many and one.
#ifndef UMCG_KERNEL_SHIM_TRUST_H_
#define UMCG_KERNEL_SHIM_TRUST_H_

#include <algorithm>

namespace umcg::inline v0::internal::shim {

// One user at a time. Zeros are a new one.
template <int kMakesUpFor>
class Trust {
 public:
  bool takes_this_chance() noexcept { return doubt_ < kDoubt || ++skipped_ % kSeldom == 0; }
  void has_paid() noexcept { doubt_ = std::max(0, doubt_ - kMakesUpFor); }
  void was_in_vain() noexcept {
    if (doubt_ < kDoubt) ++doubt_;
  }

 private:
  static constexpr int kDoubt = 8;
  static constexpr unsigned kSeldom = 32;
  int doubt_ = 0;
  unsigned skipped_ = 0;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TRUST_H_
