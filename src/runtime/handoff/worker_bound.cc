// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/worker_bound.h"

#include <utility>

#include "runtime/base/report.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {

void WorkerBound::serve(std::int64_t now) noexcept {
  const std::int64_t since_last = now - std::exchange(last_look_, now);
  const bool refused_before = std::exchange(refused_before_, refused_);
  if (!std::exchange(refused_, false)) {
    stuck_since_ = now;
    return;
  }
  if (refused_before) {
    count_anywhere(rt_.shared_counters().at_bound_ns, static_cast<std::uint64_t>(since_last));
  }
  const std::uint64_t picked = fibers_picked();
  if (picked != std::exchange(picked_, picked)) {
    stuck_since_ = now;
  } else if (now - stuck_since_ >= kStuck) {
    stuck_since_ = now;
    raise();
  }
}

std::uint64_t WorkerBound::fibers_picked() const noexcept {
  std::uint64_t sum = 0;
  for (const Server& s : rt_.servers()) sum += s.tick.load(std::memory_order_relaxed);
  return sum;
}

void WorkerBound::raise() noexcept {
  WorkerPool& pool = rt_.workers();
  const bool at_bound = pool.at_bound();
  if (pool.raise_bound() && at_bound && !std::exchange(reported_, true)) {
    warn(
        "runtime \"%s\": all %llu workers that max_workers allows are blocked in the kernel while "
        "fibers wait; it adds one each 100 ms",
        rt_.options().name.c_str(), static_cast<unsigned long long>(pool.count()));
  }
  if (Worker* const made = pool.create()) {
    pool.put_back(*made);
  } else if (!std::exchange(system_reported_, true)) {
    warn(
        "runtime \"%s\": a deadlock by resource limit: all %llu workers are blocked in the kernel "
        "while fibers wait, and the system grants no more threads",
        rt_.options().name.c_str(), static_cast<unsigned long long>(pool.count()));
  }
}

}  // namespace umcg::inline v0::internal
