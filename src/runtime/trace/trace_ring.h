// SPDX-License-Identifier: Apache-2.0
// trace_ring.h - TraceRing: the last events of one server, or of all who hold none.
//
// One writer at a time: a server's ring belongs to its holder, like its queues. It never waits and
// never fails: the oldest event is overwritten. Anybody may read at any time, also while a writer
// is in the middle of a slot. So a slot has a stamp, the number of its event:
//
//   writer   stamp = 0; the words, each by a release store; stamp = number (release)
//   reader   stamp (acquire); the words, each by an acquire load; stamp again
//
// A reader that sees a word of a later event has also seen, by the release and acquire of that
// word, its stamp of 0 or a later one, and drops what it has read. So the end of a trace need not
// stop the servers. Rejected: to wait until each server has passed through the runtime once (one
// whose fiber computes or blocks never does).
#ifndef UMCG_RUNTIME_TRACE_TRACE_RING_H_
#define UMCG_RUNTIME_TRACE_TRACE_RING_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/trace/trace_event.h"

namespace umcg::inline v0::internal {

class TraceRing {
 public:
  // Throws std::bad_alloc.
  explicit TraceRing(std::size_t events)
      : mask_(std::bit_ceil(events) - 1), slots_(std::make_unique<Slot[]>(mask_ + 1)) {}

  // The writer.
  void add(const TraceEvent& e) noexcept {
    const std::uint64_t n = count_.load(std::memory_order_relaxed);
    Slot& slot = slots_[n & mask_];
    slot.stamp.store(0, std::memory_order_relaxed);
    slot.when.store(e.when, std::memory_order_release);
    slot.fiber.store(e.fiber, std::memory_order_release);
    slot.other.store(e.other, std::memory_order_release);
    slot.stamp.store(stamp_of(n) | static_cast<std::uint64_t>(e.kind) << 8 | e.detail,
                     std::memory_order_release);
    count_.store(n + 1, std::memory_order_release);
  }

  // Anybody. Events in order, from number `from` on; `*lost` says how many of those there are no
  // more.
  std::vector<TraceEvent> read(std::uint64_t from, std::uint64_t* lost) const;
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_acquire); }

 private:
  static std::uint64_t stamp_of(std::uint64_t number) noexcept { return (number + 1) << 16; }

  struct Slot {
    std::atomic<std::uint64_t> stamp{0};  // number + 1, kind:8, detail:8
    std::atomic<std::uint64_t> when{0};
    std::atomic<std::uint64_t> fiber{0};
    std::atomic<std::uint64_t> other{0};
  };

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TRACE_RING_H_
