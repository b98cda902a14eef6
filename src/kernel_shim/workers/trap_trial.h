// SPDX-License-Identifier: Apache-2.0
// trap_trial.h - TrapTrial: a thread that traps are tried on.
#ifndef UMCG_KERNEL_SHIM_WORKERS_TRAP_TRIAL_H_
#define UMCG_KERNEL_SHIM_WORKERS_TRAP_TRIAL_H_

namespace umcg::inline v0::internal::shim {

class TrapTrial {
 public:
  // By the handler, on the thread that was caught: true if it is the trial's.
  static bool caught() noexcept;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_TRAP_TRIAL_H_
