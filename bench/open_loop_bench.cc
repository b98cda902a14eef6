// SPDX-License-Identifier: Apache-2.0
// open_loop_bench.cc - how long a task takes, from the moment when it should have arrived.
//
//     computing  5,000 tasks of 30 us of computing arrive at a pool on one CPU, at random, 60 us
//                apart on average: the CPU is half busy
//     mixed      the same, but each tenth task first blocks in nanosleep(2) for 1 ms
//
// Open loop: the schedule of arrivals is made before, with the same seed for everybody, and does
// not wait for a pool that falls behind. A task's time counts from its place in the schedule, also
// if post() came late, so that a stall is seen by all who would have come meanwhile. The one who
// posts has a CPU of its own, on which it watches the clock.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "common/delays.h"
#include "common/harness.h"
#include "common/peers.h"
#include "common/raw_block.h"
#include "common/umcg_pool.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kComputing = 30us;
constexpr auto kApart = 60us;
constexpr auto kBlock = 1ms;
constexpr int kEach = 10;

std::vector<Clock::duration> poisson_arrivals(int tasks) {
  std::mt19937_64 random(20231);
  std::exponential_distribution<double> gap(1.0 /
                                            static_cast<double>(Clock::duration(kApart).count()));
  std::vector<Clock::duration> arrivals;
  Clock::duration at{};
  for (int i = 0; i < tasks; ++i) {
    at += Clock::duration(static_cast<Clock::rep>(gap(random)));
    arrivals.push_back(at);
  }
  return arrivals;
}

template <class Pool>
void measure_open_loop(benchmark::State& state, Pool& pool, bool mixed) {
  const std::vector<Clock::duration> arrivals = poisson_arrivals(full_or_smoke(5'000, 200));
  const std::int64_t steps = steps_for(kComputing);
  const std::uint64_t right = work(steps);
  const int tasks = static_cast<int>(arrivals.size());
  for (auto _ : state) {
    std::vector<Clock::duration> latencies(arrivals.size());
    std::atomic<int> wrong{0};
    Countdown left(tasks);
    const Clock::time_point start = Clock::now() + 1ms;
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      const Clock::time_point due = start + arrivals[i];
      while (Clock::now() < due) {
        // Watches: a sleep would come late, and by how much depends on who else runs.
      }
      pool.post([&, i, due] {
        if (mixed && i % kEach == 0) raw_sleep(kBlock);
        if (work(steps) != right) wrong.fetch_add(1, std::memory_order_relaxed);
        latencies[i] = Clock::now() - due;
        left.done();
      });
    }
    left.wait();
    state.SetIterationTime(seconds_of(Clock::now() - start));
    report_delays(state, latencies, wrong == 0 ? tasks : -1);
  }
}

template <class Pool>
void add_pool(const char* impl_name, int threads) {
  if (usable_cpus() < 2) return;  // there is none left for who posts
  for (const bool mixed : {false, true}) {
    add_once(mixed ? "open_loop/mixed" : "open_loop/computing", impl_name, 1,
             [=](benchmark::State& state) {
               Pool pool(threads);
               CpuScope beside(1, 1);
               measure_open_loop(state, pool, mixed);
             });
  }
}

void add_all() {
  add_pool<UmcgPool<0>>("umcg", 1);
  add_pool<UmcgPool<64>>("umcg_64", 1);
  add_pool<StdPool>("thread_pool", 1);
  add_pool<StdPool>("pool_64", 64);
#ifdef UMCG_HAVE_ASIO
  add_pool<AsioPool>("asio_pool", 1);
#endif
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_all();
  return bench::run_main(argc, argv);
}
