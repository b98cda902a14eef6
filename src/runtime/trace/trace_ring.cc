// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace/trace_ring.h"

#include <algorithm>

namespace umcg::inline v0::internal {

std::vector<TraceEvent> TraceRing::read(std::uint64_t from, std::uint64_t* lost) const {
  std::vector<TraceEvent> events;
  const std::uint64_t end = count();
  const std::uint64_t kept = std::min<std::uint64_t>(end - from, mask_ + 1);
  events.reserve(kept);
  for (std::uint64_t n = end - kept; n < end; ++n) {
    const Slot& slot = slots_[n & mask_];
    const std::uint64_t stamp = slot.stamp.load(std::memory_order_acquire);
    const TraceEvent e{
        slot.when.load(std::memory_order_acquire), slot.fiber.load(std::memory_order_acquire),
        slot.other.load(std::memory_order_acquire), static_cast<TraceKind>(stamp >> 8 & 255),
        static_cast<std::uint8_t>(stamp & 255)};
    if (stamp >> 16 != stamp_of(n) >> 16) continue;
    if (slot.stamp.load(std::memory_order_relaxed) == stamp) events.push_back(e);
  }
  *lost = end - from - events.size();
  return events;
}

}  // namespace umcg::inline v0::internal
