// SPDX-License-Identifier: Apache-2.0
// task_table.h - where the tasks of a process are kept.
#ifndef UMCG_KERNEL_SHIM_TASK_TABLE_H_
#define UMCG_KERNEL_SHIM_TASK_TABLE_H_

#include "kernel_shim/task.h"
#include "kernel_shim/wait_wake.h"

namespace umcg::inline v0::internal::shim {

// The slot that a tid names, whoever has it now; nullptr if there never was one. Any thread; no
// lock, no write. A tid that is not 0 but was never given out is welcome.
Task* find_slot(umcg_tid tid) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TASK_TABLE_H_
