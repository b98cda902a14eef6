// SPDX-License-Identifier: Apache-2.0
// recorder.h - Recorder: a Histogram that any number of threads add to.
#ifndef UMCG_RUNTIME_BASE_RECORDER_H_
#define UMCG_RUNTIME_BASE_RECORDER_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "umcg/histogram.h"

namespace umcg::inline v0::internal {

class Recorder {
 public:
  // Negative values count as 0. Relaxed: nothing is read on the strength of a count.
  void add(std::int64_t value) noexcept {
    const auto counted = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    const auto magnitude = static_cast<std::size_t>(std::bit_width(counted));
    sum_.fetch_add(counted, std::memory_order_relaxed);
    buckets_[std::min(magnitude, buckets_.size() - 1)].fetch_add(1, std::memory_order_relaxed);
  }
  Histogram read() const noexcept {
    Histogram h;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      h.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    }
    h.sum = sum_.load(std::memory_order_relaxed);
    return h;
  }

 private:
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<decltype(Histogram::buckets)>>
      buckets_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_RECORDER_H_
