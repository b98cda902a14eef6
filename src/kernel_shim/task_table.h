// SPDX-License-Identifier: Apache-2.0
// task_table.h - where the tasks of a process are kept, and what their words are made of.
#ifndef UMCG_KERNEL_SHIM_TASK_TABLE_H_
#define UMCG_KERNEL_SHIM_TASK_TABLE_H_

#include <cstdint>

#include "kernel_shim/task.h"

namespace umcg::inline v0::internal::shim {

constexpr std::uint64_t make_word(std::uint32_t generation, std::uint32_t state) {
  return std::uint64_t{generation} << 32 | state;
}
constexpr std::uint32_t generation_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 32);
}
constexpr std::uint32_t state_of(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

// The slot that a tid names, whoever has it now; nullptr if there never was one. Any thread; no
// lock, no write. A tid that is not 0 but was never given out is welcome.
Task* find_slot(umcg_tid tid) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_TASK_TABLE_H_
