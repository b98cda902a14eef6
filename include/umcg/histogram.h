// SPDX-License-Identifier: Apache-2.0
// histogram.h - Histogram: how often values of each magnitude occurred.
#ifndef UMCG_HISTOGRAM_H_
#define UMCG_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace umcg::inline v0 {

// Bucket 0 counts zeros; bucket i counts values from 2^(i-1) to 2^i - 1, the last one all above
// too.
struct Histogram {
  std::array<std::uint64_t, 40> buckets{};  // how many of each size
  std::uint64_t sum = 0;                    // of all values

  // The largest value that bucket i counts, but for the last one.
  static constexpr std::uint64_t limit(std::size_t i) noexcept {
    return (std::uint64_t{1} << i) - 1;
  }

  // Of all values.
  constexpr std::uint64_t count() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t n : buckets) all += n;
    return all;
  }
  // A bound that the share q (0 to 1) of all values does not pass: within a factor of two. 0 if
  // there are none.
  constexpr std::uint64_t quantile(double q) const noexcept {
    const double wanted = q * static_cast<double>(count());
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      seen += buckets[i];
      if (seen != 0 && static_cast<double>(seen) >= wanted) return limit(i);
    }
    return 0;
  }
};

}  // namespace umcg::inline v0

#endif  // UMCG_HISTOGRAM_H_
