// SPDX-License-Identifier: Apache-2.0
// pool_bench.cc - pools of threads and what replaces them, under the same tasks from outside.
//
//     tiny_1m   a million tasks that do next to nothing; the unit is one task
//     submit_10k
//               10,000 tasks with a result each, all of which are waited for; the unit is one
//     blocking  6,400 tasks of 1 ms in nanosleep(2) and 50 us of computing; the unit is the whole.
//               Floor: the computing alone
//     mixed     100,000 tasks, of which each hundredth is of the blocking kind and the others
//               compute 2 us; the unit is the whole. Floor: the computing alone
//
// umcg is a ThreadPool without a limit, umcg_64 one with max_in_flight = 64. thread_pool has a
// thread for each CPU, pool_64 has 64. All of them run the body of PoolImpl.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/blocking_load.h"
#include "common/harness.h"
#include "common/peers.h"
#include "common/umcg_pool.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// The part of a mixed load that computes only.
struct MixedLoad {
  BlockingLoad blocking;
  int tasks;
  std::int64_t steps;

  static constexpr int kEach = 100;
  std::uint64_t expected() const {
    return blocking.expected() + work(steps) * static_cast<std::uint64_t>(tasks - blocking.tasks);
  }
};

template <class Impl, class Block>
bool run_mixed(Impl& impl, const MixedLoad& load, Block block) {
  std::atomic<std::uint64_t> sum{0};
  impl.batch(load.tasks, [&](int i) {
    sum += i % MixedLoad::kEach == 0 ? blocking_task(load.blocking, i, block, Nothing())
                                     : work(load.steps);
  });
  return sum == load.expected();
}

// Impl(arg) is started on so many servers; for pools of threads, arg is the number of threads.
template <class Impl>
void add_tiny(const char* impl_name, int servers, int arg) {
  add_once("pool/tiny_1m", impl_name, servers, [=](benchmark::State& state) {
    const int tasks = full_or_smoke(1'000'000, 1'000);
    Impl impl(arg);
    measure(state, impl, tasks, [&] {
      std::atomic<std::int64_t> sum{0};
      impl.batch(tasks, [&](int i) { sum.fetch_add(i, std::memory_order_relaxed); });
      return sum == std::int64_t{tasks} * (tasks - 1) / 2;
    });
  });
}

// A pool that can only post: a packaged task, which it must be able to copy.
template <class Pool, class F>
auto submit_to(Pool& pool, F f) {
  auto task = std::make_shared<std::packaged_task<std::invoke_result_t<F&>()>>(std::move(f));
  auto future = task->get_future();
  pool.post([task] { (*task)(); });
  return future;
}
template <class Pool, class F>
requires requires(Pool& pool, F f) { pool.submit(f); }
auto submit_to(Pool& pool, F f) { return pool.submit(std::move(f)); }

template <class Pool>
void add_submit(const char* impl_name, int servers, int arg) {
  add(
      "pool/submit_10k", impl_name, servers,
      [=](benchmark::State& state) {
        const int tasks = full_or_smoke(10'000, 500);
        Pool pool(arg);
        OnThisThread here;
        measure(state, here, tasks, [&] {
          std::vector<decltype(submit_to(pool, [] { return std::int64_t{0}; }))> futures;
          futures.reserve(static_cast<std::size_t>(tasks));
          for (std::int64_t i = 0; i < tasks; ++i) {
            futures.push_back(submit_to(pool, [i] { return i; }));
          }
          std::int64_t sum = 0;
          for (auto& future : futures) sum += future.get();
          return sum == std::int64_t{tasks} * (tasks - 1) / 2;
        });
      },
      Length::kQuick);
}

template <class Impl, class Block>
void add_loads(const char* impl_name, int servers, int arg, Block block) {
  const auto blocking = [](int tasks) {
    return BlockingLoad{.tasks = tasks, .rounds = 1, .block = 1ms, .steps = steps_for(50us)};
  };
  add_once("pool/blocking", impl_name, servers, [=](benchmark::State& state) {
    const BlockingLoad load = blocking(full_or_smoke(6'400, 40));
    Impl impl(arg);
    Block b = block;
    measure_load(state, impl, load, b, Nothing());
  });
  add_once("pool/mixed", impl_name, servers, [=](benchmark::State& state) {
    const int tasks = full_or_smoke(100'000, 1'000);
    const MixedLoad load{blocking(tasks / MixedLoad::kEach), tasks, steps_for(2us)};
    Impl impl(arg);
    measure(state, impl, 1, [&] { return run_mixed(impl, load, block); });
  });
}

template <class Impl>
void add_pool(const char* impl_name, int servers, int arg) {
  add_tiny<Impl>(impl_name, servers, arg);
  add_loads<Impl>(impl_name, servers, arg, Sleeping());
}

void add_all(int servers) {
  add_pool<PoolImpl<UmcgPool<0>>>("umcg", servers, servers);
  add_pool<PoolImpl<UmcgPool<64>>>("umcg_64", servers, servers);
  add_pool<ThreadPoolPeer>("thread_pool", servers, servers);
  add_pool<ThreadPoolPeer>("pool_64", servers, 64);
#ifdef UMCG_HAVE_ASIO
  add_pool<AsioPeer>("asio_pool", servers, servers);
#endif
  add_submit<UmcgPool<0>>("umcg", servers, servers);
  add_submit<UmcgPool<64>>("umcg_64", servers, servers);
  add_submit<StdPool>("thread_pool", servers, servers);
#ifdef UMCG_HAVE_ASIO
  add_submit<AsioPool>("asio_pool", servers, servers);
#endif
  add_loads<ThreadPoolPeer>("floor", servers, servers, NotAtAll());
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  for (int servers : {1, 2}) bench::add_all(servers);
  return bench::run_main(argc, argv);
}
