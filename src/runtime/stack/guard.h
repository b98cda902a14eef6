// SPDX-License-Identifier: Apache-2.0
// guard.h - guard areas below stacks, in the best way that this system grants.
//
//   guard_install  MADV_GUARD_INSTALL (Linux >= 6.13): marks page-table entries, splits no mapping.
//   mprotect       PROT_NONE: two mappings more per stack, so vm.max_map_count ends it near 32,000
//                  stacks. Further stacks then get a canary.
//   canary         no guard; a word at the low end is looked at whenever a fiber ends.
//
// Chosen once per process by trying it on a page; UMCG_STACK_GUARD=guard_install|mprotect|canary
// forces one. Shown in Stats::stack_guard.
#ifndef UMCG_RUNTIME_STACK_GUARD_H_
#define UMCG_RUNTIME_STACK_GUARD_H_

#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

enum class GuardKind : std::uint8_t { kGuardInstall, kMprotect, kCanary };

const char* guard_kind_name(GuardKind kind) noexcept;

// The way of this process. Thread-safe.
GuardKind guard_kind() noexcept;

// Guards `count` areas of `size` bytes, `stride` bytes apart. Returns how many it could guard.
std::size_t install_guards(char* first, std::size_t count, std::size_t stride,
                           std::size_t size) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_STACK_GUARD_H_
