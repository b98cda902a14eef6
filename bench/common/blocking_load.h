// SPDX-License-Identifier: Apache-2.0
// blocking_load.h - the same tasks that block and compute, for every implementation.
//
// A Block is called as block(load, task, round) and blocks, by whatever means. If it has prepare(),
// that is called before each measurement, outside of it.
#ifndef UMCG_BENCH_COMMON_BLOCKING_LOAD_H_
#define UMCG_BENCH_COMMON_BLOCKING_LOAD_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "common/harness.h"
#include "common/peers.h"
#include "common/raw_block.h"

namespace bench {

// Ways to sleep in the kernel, and not to.
struct Sleeping {
  void operator()(const BlockingLoad& load, int, int) const { raw_sleep(load.block); }
};
struct NotAtAll {
  void operator()(const BlockingLoad&, int, int) const {}
};
struct Nothing {
  void operator()() const {}
};

// All tasks of the load, by impl.batch(). Right if every task did all its work.
template <class Impl, class Block, class Yield>
bool run_load(Impl& impl, const BlockingLoad& load, Block& block, Yield yield) {
  std::atomic<std::uint64_t> sum{0};
  impl.batch(load.tasks, [&](int task) { sum += blocking_task(load, task, block, yield); });
  return sum == load.expected();
}

// The first call, which makes the threads and faults stacks in, is timed only if that is asked for.
enum class FirstCall : std::uint8_t { kUntimed, kTimed };

template <class Impl, class Block, class Yield>
void measure_load(benchmark::State& state, Impl& impl, const BlockingLoad& load, Block& block,
                  Yield yield, FirstCall first = FirstCall::kUntimed) {
  bool right = true;
  const auto run_once = [&] {
    if constexpr (requires { block.prepare(); }) block.prepare();
    Clock::duration elapsed{};
    impl.run([&] {
      const Clock::time_point start = Clock::now();
      right = run_load(impl, load, block, yield) && right;
      elapsed = Clock::now() - start;
    });
    return elapsed;
  };
  if (first == FirstCall::kUntimed) run_once();
  Stopwatch watch(state);
  for (auto _ : state) watch.iteration(run_once());
  watch.report(1);
  if (!right) fail(state, "wrong result");
}

// So many tasks x rounds x (1 ms blocked, 50 us of computing).
struct LoadVariant {
  std::string name;
  int tasks;
  int rounds;
  bool yield = false;
  FirstCall first = FirstCall::kUntimed;

  BlockingLoad load() const {
    using namespace std::chrono_literals;
    return {.tasks = full_or_smoke(tasks, std::min(tasks, 40)),
            .rounds = full_or_smoke(rounds, std::min(rounds, 3)),
            .block = 1ms,
            .steps = steps_for(50us),
            .yield = yield};
  }
};

// Impl(arg) is started on so many servers; for pools, arg is the number of threads. make(load)
// makes the Block.
template <class Impl, class Make, class Yield>
void add_load(const LoadVariant& variant, const char* impl_name, int servers, int arg, Make make,
              Yield yield) {
  add_once(variant.name, impl_name, servers, [=](benchmark::State& state) {
    const BlockingLoad load = variant.load();
    auto block = make(load);
    Impl impl(arg);
    measure_load(state, impl, load, block, yield, variant.first);
  });
}

// umcg and all peers that can do it. Floor: a thread for each CPU, which does its share of the
// computing without a pause.
template <class Make>
void add_load_of_all(const LoadVariant& variant, int servers, Make make) {
  add_load<Umcg>(variant, "umcg", servers, servers, make, &Umcg::yield);
  add_load<StdThreads>(variant, "std_thread", servers, servers, make, &StdThreads::yield);
  add_load<ThreadPoolPeer>(
      variant, "floor", servers, servers, [](const BlockingLoad&) { return NotAtAll(); },
      Nothing());
  if (variant.yield) return;  // a task in a pool has nobody to yield to
  add_load<ThreadPoolPeer>(variant, "pool_64", servers, 64, make, Nothing());
  if (variant.tasks > 64 || variant.first == FirstCall::kTimed) return;
  // These wait for one block after the other, so long that a first call is nothing beside it.
  LoadVariant slow = variant;
  slow.first = FirstCall::kTimed;
  add_load<ThreadPoolPeer>(slow, "pool_2", servers, 2, make, Nothing());
#ifdef UMCG_HAVE_BOOST_FIBER
  if (servers == 1) {
    add_load<BoostFiber>(slow, BoostFiber::name(1), 1, 1, make, Nothing());
  } else {
    add_load<BoostStealing>(slow, BoostStealing::name(2), 2, 2, make, Nothing());
  }
#endif
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_BLOCKING_LOAD_H_
