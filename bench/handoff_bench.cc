// SPDX-License-Identifier: Apache-2.0
// handoff_bench.cc - what a hand-off costs, how soon it comes, and what it does beside hogs.
//
//     short_block_3, _10, _20   16 tasks x 200 calls that block for so many us: to hand the server
//                               over may cost more than it gives. Floor: umcg with hand-off off
//     block_to_next             from the start of a blocking call to the next fiber's first
//                               instruction, one server; by each oracle that works here, and by the
//                               monitor alone. Floor: a futex wake and wait on one CPU
//     block_to_next_hog         the same beside a thread that computes on the same CPU
//     sleeper_beside_hogs       how late a sleep of 1 ms ends beside 4 tasks that compute 20 ms
//                               between yields
//     woken_beside_hogs         how late one runs whom a thread outside wakes each 5 ms, from when
//                               that should have woken it, beside a task that computes for each CPU
//     hog_tasks                 200 tasks that compute 20 ms: each one's share of the time, and how
//                               many threads that took
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "common/blocking_load.h"
#include "common/delays.h"
#include "common/floor_switch.h"
#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// By default the kernel may add 50 us to a sleep. Threads made meanwhile inherit it.
class NoTimerSlack {
 public:
  NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 1); }
  ~NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 0); }
  NoTimerSlack(const NoTimerSlack&) = delete;
  NoTimerSlack& operator=(const NoTimerSlack&) = delete;
};

void add_short_block(std::chrono::microseconds block) {
  const auto add_one = [block](const char* impl_name, umcg::Handoff handoff) {
    const std::string name = "handoff/short_block_" + std::to_string(block.count());
    add(name, impl_name, 1, [=](benchmark::State& state) {
      const BlockingLoad load{
          .tasks = 16, .rounds = full_or_smoke(200, 5), .block = block, .steps = steps_for(10us)};
      const NoTimerSlack no_slack;
      Sleeping sleeping;
      Umcg impl(1, {.handoff = handoff});
      measure_load(state, impl, load, sleeping, Nothing());
    });
  };
  add_one("umcg", umcg::Handoff::kAuto);
  add_one("floor", umcg::Handoff::kOff);
}

// How long after the start of a read(2) that must wait the fiber behind runs, which then writes
// what is read. Not a sleep: to set up its timer takes the kernel some microseconds before it
// blocks.
std::vector<Clock::duration> delays_to_next(int rounds) {
  std::vector<Clock::duration> delays;
  delays.reserve(static_cast<std::size_t>(rounds));
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return delays;
  umcg::Semaphore ready(0);
  umcg::Semaphore ran(0);
  Clock::time_point ran_at;
  auto next = umcg::spawn([&] {
    for (int i = 0; i < rounds; ++i) {
      ready.acquire();
      ran_at = Clock::now();
      [[maybe_unused]] const auto written = write(pipe[1], "", 1);
      ran.release();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    // Back to the server, which the last block may have cost: acquire() with a permit at hand does
    // not ask for it. Without one, the next fiber would not wait for this one at all.
    umcg::this_fiber::yield();
    ready.release();  // it waits behind this fiber from here on
    char byte;
    const Clock::time_point blocked_at = Clock::now();
    [[maybe_unused]] const auto got = read(pipe[0], &byte, 1);
    ran.acquire();
    // It may have run before: the server may pass on as soon as the kernel preempts this thread.
    delays.push_back(std::max(ran_at - blocked_at, Clock::duration::zero()));
  }
  next.join();
  close(pipe[0]);
  close(pipe[1]);
  return delays;
}

// A thread that computes, on the CPUs that the benchmark is confined to.
class Hog {
 public:
  Hog()
      : thread_([this] {
          const std::int64_t steps = steps_for(100us);
          while (!stop_) benchmark::DoNotOptimize(work(steps));
        }) {}
  ~Hog() {
    stop_ = true;
    thread_.join();
  }
  Hog(const Hog&) = delete;
  Hog& operator=(const Hog&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The oracles that work here, and the monitor alone.
struct Backend {
  const char* impl;
  const char* oracle;
  umcg::Handoff handoff = umcg::Handoff::kAuto;
};
constexpr Backend kBackends[] = {{"umcg", ""},
                                 {"umcg_proc", "proc"},
                                 {"umcg_perf", "perf"},
                                 {"umcg_bpf", "bpf"},
                                 {"umcg_monitor", "", umcg::Handoff::kMonitor}};

bool works_here(const Backend& backend) {
  const std::string oracle = backend.oracle;
  return oracle.empty() || umcg::Runtime({.servers = 1, .oracle = oracle}).stats().oracle == oracle;
}

template <class Beside>
void add_block_to_next(const char* name, int full_rounds) {
  for (const Backend& backend : kBackends) {
    if (!works_here(backend)) continue;
    add_once(name, backend.impl, 1, [=](benchmark::State& state) {
      const int rounds = full_or_smoke(full_rounds, 20);
      Umcg impl(1, {.handoff = backend.handoff, .oracle = backend.oracle});
      [[maybe_unused]] Beside beside;
      std::vector<Clock::duration> delays;
      for (auto _ : state) {
        const Clock::time_point start = Clock::now();
        impl.run([&] { delays = delays_to_next(rounds); });
        state.SetIterationTime(seconds_of(Clock::now() - start));
      }
      report_delays(state, delays, rounds);
    });
  }
  add(name, "floor", 1, [](benchmark::State& state) {
    const int n = full_or_smoke(5'000, 100);
    OnThisThread here;
    measure(state, here, 2.0 * n, [=] { return FutexPair::round_trips(n) == n; });
  });
}

// What act(delays) notes, as a task beside so many that compute 20 ms between yields.
template <class Impl, class Act>
std::vector<Clock::duration> delays_beside_hogs(benchmark::State& state, int servers, int hogs,
                                                const Act& act) {
  const std::int64_t steps = steps_for(full_or_smoke<std::chrono::nanoseconds>(20ms, 200us));
  std::vector<Clock::duration> delays;
  Impl impl(servers);
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    impl.run([&] {
      std::atomic<bool> stop{false};
      std::vector<typename Impl::Handle> computing;
      for (int i = 0; i < hogs; ++i) {
        computing.push_back(Impl::spawn([&] {
          while (!stop) {
            benchmark::DoNotOptimize(work(steps));
            Impl::yield();
          }
        }));
      }
      act(delays);
      stop = true;
      for (auto& hog : computing) hog.join();
    });
    state.SetIterationTime(seconds_of(Clock::now() - start));
  }
  return delays;
}

// sleep(t) as the implementation has it.
template <class Impl, class Sleep>
void add_sleeper(int servers, Sleep sleep) {
  add_once(
      "handoff/sleeper_beside_hogs", Impl::name(servers), servers, [=](benchmark::State& state) {
        const int rounds = full_or_smoke(300, 5);
        auto delays = delays_beside_hogs<Impl>(
            state, servers, 4, [&](auto& noted) { sleep_again_and_again(rounds, sleep, noted); });
        report_delays(state, delays);
      });
}

template <class Impl>
void add_woken(int servers) {
  add_once("handoff/woken_beside_hogs", Impl::name(servers), servers, [=](benchmark::State& state) {
    const int rounds = full_or_smoke(100, 5);
    auto delays = delays_beside_hogs<Impl>(state, servers, servers, [&](auto& noted) {
      typename Impl::Semaphore called(0);
      std::vector<Clock::time_point> due(static_cast<std::size_t>(rounds));
      std::thread waker([&] {
        for (Clock::time_point& t : due) {
          t = Clock::now() + 5ms;
          std::this_thread::sleep_until(t);
          called.release();
        }
      });
      for (const Clock::time_point& t : due) {
        called.acquire();
        noted.push_back(Clock::now() - t);
      }
      waker.join();
    });
    report_delays(state, delays, rounds);
  });
}

// threads(impl, tasks): how many there were at most.
template <class Impl, class Threads>
void add_hog_tasks(const char* impl_name, int servers, int arg, Threads threads) {
  add_once("handoff/hog_tasks", impl_name, servers, [=](benchmark::State& state) {
    const int tasks = full_or_smoke(200, 20);
    const std::int64_t steps = steps_for(full_or_smoke<std::chrono::nanoseconds>(20ms, 200us));
    const std::uint64_t once = work(steps);
    std::atomic<int> right{0};
    Impl impl(arg);
    Stopwatch watch(state);
    for (auto _ : state) {
      Clock::duration elapsed{};
      impl.run([&] {
        const Clock::time_point start = Clock::now();
        impl.batch(tasks, [&](int) { right += work(steps) == once ? 1 : 0; });
        elapsed = Clock::now() - start;
      });
      watch.iteration(elapsed);
    }
    watch.report(tasks);
    state.counters["os_threads"] = threads(impl, tasks);
    if (right != tasks) fail(state, "wrong result");
  });
}

void add_hogs(int servers) {
  add_sleeper<Umcg>(servers, [](Clock::time_point t) { umcg::this_fiber::sleep_until(t); });
  add_sleeper<StdThreads>(servers, [](Clock::time_point t) { std::this_thread::sleep_until(t); });
#ifdef UMCG_HAVE_BOOST_FIBER
  const auto boost_sleep = [](Clock::time_point t) { boost::this_fiber::sleep_until(t); };
  if (servers == 1) add_sleeper<BoostFiber>(1, boost_sleep);
  if (servers == 2) add_sleeper<BoostStealing>(2, boost_sleep);
#endif

  add_woken<Umcg>(servers);
  add_woken<StdThreads>(servers);

  add_hog_tasks<Umcg>("umcg", servers, servers, [](const Umcg& impl, int) {
    return static_cast<double>(impl.stats().workers_peak);
  });
  add_hog_tasks<StdThreads>("std_thread", servers, servers,
                            [](const StdThreads&, int tasks) { return tasks; });
  add_hog_tasks<ThreadPoolPeer>("pool_2", servers, 2, [](const ThreadPoolPeer&, int) { return 2; });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  for (const int us : {3, 10, 20}) bench::add_short_block(std::chrono::microseconds(us));
  bench::add_block_to_next<bench::Nothing>("handoff/block_to_next", 2'000);
  bench::add_block_to_next<bench::Hog>("handoff/block_to_next_hog", 300);
  for (int servers : {1, 2}) bench::add_hogs(servers);
  return bench::run_main(argc, argv);
}
