// SPDX-License-Identifier: Apache-2.0
// kinds.h - the makers of the single oracles, for make_oracle(). Each returns nullptr where there
// is nothing of its kind.
#ifndef UMCG_KERNEL_SHIM_ORACLE_KINDS_H_
#define UMCG_KERNEL_SHIM_ORACLE_KINDS_H_

#include <memory>

#include "kernel_shim/block_oracle.h"

namespace umcg::inline v0::internal::shim {

std::unique_ptr<BlockOracle> make_proc_oracle();
std::unique_ptr<BlockOracle> make_perf_oracle();
std::unique_ptr<BlockOracle> make_bpf_oracle();

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_ORACLE_KINDS_H_
