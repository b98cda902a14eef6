// SPDX-License-Identifier: Apache-2.0
// process_barrier.h - a memory barrier on all threads of the process at once, paid by the caller.
#ifndef UMCG_KERNEL_SHIM_PROCESS_BARRIER_H_
#define UMCG_KERNEL_SHIM_PROCESS_BARRIER_H_

namespace umcg::inline v0::internal::shim {

// Once in a process, or more often. False if the kernel (before 4.14) or a sandbox has no such
// call.
bool prepare_process_barrier() noexcept;

// Any thread; after prepare_process_barrier() has returned true. On return every other thread of
// the process has passed a full barrier. 1 to 20 us; 1 ms where a sandbox that came later refuses
// the call. Leaves errno alone.
void process_barrier() noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_PROCESS_BARRIER_H_
