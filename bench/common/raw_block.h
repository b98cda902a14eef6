// SPDX-License-Identifier: Apache-2.0
// raw_block.h - tasks that block in the kernel without telling anybody, and compute in between.
#ifndef UMCG_BENCH_COMMON_RAW_BLOCK_H_
#define UMCG_BENCH_COMMON_RAW_BLOCK_H_

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include "common/harness.h"

namespace bench {

// nanosleep(2) by number: no library of a peer can have put itself in between.
inline void raw_sleep(std::chrono::nanoseconds d) {
  timespec left{.tv_sec = 0, .tv_nsec = d.count()};
  while (syscall(SYS_nanosleep, &left, &left) != 0) {
    // EINTR: left says how much remains.
  }
}

// A fixed number of steps, not of microseconds: a thread that was preempted while it watched a
// clock would have its absence counted as work.
[[gnu::noinline]] inline std::uint64_t work(std::int64_t steps) {
  std::uint64_t x = 88172645463325252u;
  benchmark::DoNotOptimize(x);  // or one call could be made to serve for all
  for (std::int64_t i = 0; i < steps; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

// How many steps take so long here: by the fastest of many short trials, as only disturbance makes
// one slower. Once per process, so that everything in it does the same work.
inline std::int64_t steps_for(std::chrono::nanoseconds d) {
  static const double steps_per_ns = [] {
    constexpr std::int64_t kSteps = 100'000;
    double fastest = 0;
    for (int trial = 0; trial < 200; ++trial) {
      const Clock::time_point start = Clock::now();
      benchmark::DoNotOptimize(work(kSteps));
      const auto ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
      fastest = std::max(fastest, kSteps / ns);
    }
    return fastest;
  }();
  return static_cast<std::int64_t>(steps_per_ns * static_cast<double>(d.count()));
}

// What all tasks together do.
struct BlockingLoad {
  int tasks;
  int rounds;
  std::chrono::nanoseconds block;
  std::int64_t steps;
  bool yield = false;

  std::uint64_t expected() const {
    return work(steps) * static_cast<std::uint64_t>(tasks) * static_cast<std::uint64_t>(rounds);
  }
};

// One task. The sum over all tasks is expected(). block(load, task, round) blocks, yield() lets
// others run.
template <class Block, class Yield>
std::uint64_t blocking_task(const BlockingLoad& load, int task, Block& block, Yield yield) {
  std::uint64_t sum = 0;
  for (int round = 0; round < load.rounds; ++round) {
    block(load, task, round);
    sum += work(load.steps);
    if (load.yield) yield();
  }
  return sum;
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_RAW_BLOCK_H_
