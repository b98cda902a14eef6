// SPDX-License-Identifier: Apache-2.0
// blocking_bench.cc - fibers that block in the kernel without telling the runtime.
//
//     raw_block        64 tasks x 100 rounds of (1 ms in nanosleep(2), 50 us of computing); the
//                      unit is the whole. Floor: the computing alone
//     raw_block_yield  the same with a yield in each round
//     raw_block_6400   6,400 tasks of one round
//     short_block      calls of about 10 us: to hand the server over may cost more than it gives.
//                      Floor: umcg with hand-off off
//     block_to_next    from the start of a blocking call to the next fiber's first instruction, one
//                      server. Floor: a futex wake and wait on one CPU
//     hint_no_block    blocking(f) when f does not block. Floor: the bare call of f
//
// umcg_hint and umcg_now say blocking(f) and blocking_now(f); plain umcg says nothing.
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/floor_switch.h"
#include "common/harness.h"
#include "common/peers.h"
#include "common/raw_block.h"
#include "umcg/blocking.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

struct Silently {
  void operator()(std::chrono::nanoseconds d) const { raw_sleep(d); }
};
struct WithHint {
  void operator()(std::chrono::nanoseconds d) const {
    umcg::blocking([d] { raw_sleep(d); });
  }
};
struct WithCertainty {
  void operator()(std::chrono::nanoseconds d) const {
    umcg::blocking_now([d] { raw_sleep(d); });
  }
};
struct NotAtAll {
  void operator()(std::chrono::nanoseconds) const {}
};
struct Nothing {
  void operator()() const {}
};

// All tasks of the load, by impl.batch(). Right if every task did all its work.
template <class Impl, class Sleep, class Yield>
bool run_load(Impl& impl, const BlockingLoad& load, Sleep sleep, Yield yield) {
  std::atomic<std::uint64_t> sum{0};
  impl.batch(load.tasks, [&](int) { sum += blocking_task(load, sleep, yield); });
  return sum == load.expected();
}

template <class Impl, class Sleep, class Yield>
void measure_load(benchmark::State& state, Impl& impl, const BlockingLoad& load, Sleep sleep,
                  Yield yield) {
  bool right = true;
  Stopwatch watch(state);
  for (auto _ : state) {
    Clock::duration elapsed{};
    impl.run([&] {
      const Clock::time_point start = Clock::now();
      right = run_load(impl, load, sleep, yield) && right;
      elapsed = Clock::now() - start;
    });
    watch.iteration(elapsed);
  }
  watch.report(1);
  if (!right) fail(state, "wrong result");
}

struct Variant {
  const char* name;
  int tasks;
  int rounds;
  bool yield;

  BlockingLoad load() const {
    return {.tasks = full_or_smoke(tasks, std::min(tasks, 40)),
            .rounds = full_or_smoke(rounds, std::min(rounds, 3)),
            .block = 1ms,
            .steps = steps_for(50us),
            .yield = yield};
  }
};
constexpr Variant kRawBlock{"blocking/raw_block", 64, 100, false};
constexpr Variant kRawBlockYield{"blocking/raw_block_yield", 64, 100, true};
constexpr Variant kRawBlock6400{"blocking/raw_block_6400", 6'400, 1, false};

// Impl(arg) is started on so many servers; for pools, arg is the number of threads.
template <class Impl, class Sleep, class Yield>
void add_load(const Variant& variant, const char* impl_name, int servers, int arg, Sleep sleep,
              Yield yield) {
  add_once(variant.name, impl_name, servers, [=](benchmark::State& state) {
    const BlockingLoad load = variant.load();
    Impl impl(arg);
    measure_load(state, impl, load, sleep, yield);
  });
}

void add_raw_block(int servers) {
  for (const Variant& variant : {kRawBlock, kRawBlockYield, kRawBlock6400}) {
    add_load<Umcg>(variant, "umcg", servers, servers, Silently(), &Umcg::yield);
    add_load<Umcg>(variant, "umcg_hint", servers, servers, WithHint(), &Umcg::yield);
    add_load<Umcg>(variant, "umcg_now", servers, servers, WithCertainty(), &Umcg::yield);
    add_load<StdThreads>(variant, "std_thread", servers, servers, Silently(), &StdThreads::yield);
    // A thread for each CPU, which does its share of the computing without a pause.
    add_load<ThreadPoolPeer>(variant, "floor", servers, servers, NotAtAll(), Nothing());
    if (variant.yield) continue;  // a task in a pool has nobody to yield to
    add_load<ThreadPoolPeer>(variant, "pool_64", servers, 64, Silently(), Nothing());
  }
  add_load<ThreadPoolPeer>(kRawBlock, "pool_2", servers, 2, Silently(), Nothing());
#ifdef UMCG_HAVE_BOOST_FIBER
  if (servers == 1) {
    add_load<BoostFiber>(kRawBlock, BoostFiber::name(1), 1, 1, Silently(), Nothing());
  } else {
    add_load<BoostStealing>(kRawBlock, BoostStealing::name(2), 2, 2, Silently(), Nothing());
  }
#endif
}

// By default the kernel may add 50 us to a sleep. Threads made meanwhile inherit it.
class NoTimerSlack {
 public:
  NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 1); }
  ~NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 0); }
  NoTimerSlack(const NoTimerSlack&) = delete;
  NoTimerSlack& operator=(const NoTimerSlack&) = delete;
};

void add_short_block(const char* impl_name, umcg::Handoff handoff) {
  add("blocking/short_block", impl_name, 1, [=](benchmark::State& state) {
    const BlockingLoad load{
        .tasks = 16, .rounds = full_or_smoke(200, 5), .block = 10us, .steps = steps_for(10us)};
    const NoTimerSlack no_slack;
    Umcg impl(1, {.handoff = handoff});
    measure_load(state, impl, load, Silently(), Nothing());
  });
}

double quantile(std::vector<double>& sorted, double q) {
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

// How long after the start of a blocking call the fiber behind runs, in ns.
std::vector<double> delays_to_next(int rounds, std::chrono::nanoseconds block) {
  std::vector<double> delays;
  delays.reserve(static_cast<std::size_t>(rounds));
  umcg::Semaphore ready(0);
  umcg::Semaphore ran(0);
  Clock::time_point ran_at;
  auto next = umcg::spawn([&] {
    for (int i = 0; i < rounds; ++i) {
      ready.acquire();
      ran_at = Clock::now();
      ran.release();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    ready.release();  // it waits behind this fiber from here on
    const Clock::time_point blocked_at = Clock::now();
    raw_sleep(block);
    ran.acquire();
    // It may have run before: the server may pass on as soon as the kernel preempts this thread.
    const auto delay = std::max(ran_at - blocked_at, Clock::duration::zero());
    delays.push_back(std::chrono::duration<double, std::nano>(delay).count());
  }
  next.join();
  return delays;
}

void add_block_to_next() {
  add_once("blocking/block_to_next", "umcg", 1, [](benchmark::State& state) {
    const int rounds = full_or_smoke(2'000, 20);
    Umcg impl(1);
    std::vector<double> delays;
    for (auto _ : state) {
      impl.run([&] { delays = delays_to_next(rounds, 300us); });
      double total = 0;
      for (double d : delays) total += d;
      state.SetIterationTime(total * 1e-9);
    }
    std::sort(delays.begin(), delays.end());
    if (static_cast<int>(delays.size()) != rounds) return fail(state, "wrong result");
    state.counters["ns_per_op"] = quantile(delays, 0.5);
    state.counters["p99_ns"] = quantile(delays, 0.99);
  });
  add("blocking/block_to_next", "floor", 1, [](benchmark::State& state) {
    const int n = full_or_smoke(5'000, 100);
    OnThisThread here;
    measure(state, here, 2.0 * n, [=] { return FutexPair::round_trips(n) == n; });
  });
}

// Not inlined, so that it is a call; the counter shows that it took place.
struct Counting {
  int* count;
  [[gnu::noinline]] void operator()() const { ++*count; }
};

void add_hint() {
  const int calls = full_or_smoke(1'000'000, 1'000);
  add("blocking/hint_no_block", "umcg", 1, [=](benchmark::State& state) {
    Umcg impl(1);
    measure(state, impl, calls, [=] {
      int count = 0;
      for (int i = 0; i < calls; ++i) umcg::blocking(Counting{&count});
      return count == calls;
    });
  });
  add("blocking/hint_no_block", "floor", 1, [=](benchmark::State& state) {
    OnThisThread here;
    measure(state, here, calls, [=] {
      int count = 0;
      for (int i = 0; i < calls; ++i) Counting{&count}();
      return count == calls;
    });
  });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  for (int servers : {1, 2}) bench::add_raw_block(servers);
  bench::add_short_block("umcg", umcg::Handoff::kAuto);
  bench::add_short_block("floor", umcg::Handoff::kOff);
  bench::add_block_to_next();
  bench::add_hint();
  return bench::run_main(argc, argv);
}
