// SPDX-License-Identifier: Apache-2.0
// group.h - Group: servers and workers that belong together.
//
// Groups are made and ended seldom, and found by number when a thread registers. Their memory is
// kept for the next one, so a stale number may be looked up at any time, without a lock (which a
// forked child could find taken): a group's word holds its number, never used again, and how many
// members it has. Joining and destroying both change it by compare-and-swap, so one of them fails.
//
// A forked child has none of its parent's groups: their watchers' tasks are gone with all tasks.
#ifndef UMCG_KERNEL_SHIM_WORKERS_GROUP_H_
#define UMCG_KERNEL_SHIM_WORKERS_GROUP_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel_shim/block_oracle.h"
#include "kernel_shim/workers/unblocked_queue.h"
#include "kernel_shim/workers/watcher.h"

namespace umcg::inline v0::internal::shim {

struct Group {
  std::atomic<std::uint64_t> word{0};  // {number:32, members:32}; number 0: free
  // Written before the number is.
  std::uint64_t flags = 0;
  std::unique_ptr<BlockOracle> oracle;
  UnblockedQueue queue;
  Watcher watcher{*this};

  bool parks() const noexcept;     // UMCG_GROUP_PARK
  bool preempts() const noexcept;  // UMCG_GROUP_PREEMPTION
};

// Plain threads. A number above 0, -EINVAL (flags), -EOPNOTSUPP (this kernel does not give what the
// flags ask for), -ENOMEM (no memory, no thread, too many groups).
int create_group(std::uint64_t flags) noexcept;
// 0, -ESRCH, -EBUSY.
int destroy_group(std::uint32_t number) noexcept;

// Finds it and counts one member more; nullptr: there is no such group.
Group* join_group(std::uint32_t number) noexcept;
void leave_group(Group& group) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_GROUP_H_
