// SPDX-License-Identifier: Apache-2.0
// delays.h - lines about how late something is: the median and the 99th percentile.
#ifndef UMCG_BENCH_COMMON_DELAYS_H_
#define UMCG_BENCH_COMMON_DELAYS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include "common/harness.h"

namespace bench {

inline void report_delays(benchmark::State& state, std::vector<Clock::duration>& delays) {
  std::sort(delays.begin(), delays.end());
  const auto quantile = [&](double q) {
    const auto d = delays[static_cast<std::size_t>(q * static_cast<double>(delays.size() - 1))];
    return std::chrono::duration<double, std::nano>(d).count();
  };
  state.counters["ns_per_op"] = quantile(0.5);
  state.counters["p99_ns"] = quantile(0.99);
}
// The same, of so many that were wanted.
inline void report_delays(benchmark::State& state, std::vector<Clock::duration>& delays,
                          int wanted) {
  if (static_cast<int>(delays.size()) != wanted) return fail(state, "wrong result");
  report_delays(state, delays);
}

// Adds how late sleeps of 1 ms end. sleep(t) sleeps until then. For 5 s at most: where each ends a
// tenth of a second late, some thirty tell enough.
template <class Sleep>
void sleep_again_and_again(int rounds, Sleep sleep, std::vector<Clock::duration>& delays) {
  const Clock::time_point enough = Clock::now() + std::chrono::seconds(5);
  for (int i = 0; i < rounds && Clock::now() < enough; ++i) {
    const Clock::time_point due = Clock::now() + std::chrono::milliseconds(1);
    sleep(due);
    delays.push_back(Clock::now() - due);
  }
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_DELAYS_H_
