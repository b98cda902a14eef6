// SPDX-License-Identifier: Apache-2.0
// spawn_bench.cc - what it costs to start a fiber and to learn that it has ended.
//
//     serial      one at a time: start, join
//     batch_10k   start 10,000, then join all
#include <cstdint>
#include <numeric>
#include <vector>

#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

constexpr int kBatch = 10'000;

template <class Impl>
bool serial(Impl& impl, int count) {
  int ran = 0;
  for (int i = 0; i < count; ++i) impl.spawn_join([&ran] { ++ran; });
  return ran == count;
}

// `slots` is made outside of the timed part.
template <class Impl>
bool batch(Impl& impl, std::vector<int>& slots) {
  const int count = static_cast<int>(slots.size());
  impl.batch(count, [&slots](int i) { slots[static_cast<std::size_t>(i)] += i; });
  const auto sum = std::accumulate(slots.begin(), slots.end(), std::int64_t{0});
  std::fill(slots.begin(), slots.end(), 0);
  return sum == std::int64_t{count} * (count - 1) / 2;
}

template <class Impl>
void add_spawn(int servers, int serial_count, int batch_count) {
  add("spawn/serial", Impl::name(servers), servers, [=](benchmark::State& state) {
    const int count = full_or_smoke(serial_count, 100);
    Impl impl(servers);
    measure(state, impl, count, [&] { return serial(impl, count); });
  });
  add("spawn/batch_10k", Impl::name(servers), servers, [=](benchmark::State& state) {
    const int count = full_or_smoke(batch_count, 1'000);
    Impl impl(servers);
    std::vector<int> slots(static_cast<std::size_t>(count));
    measure(state, impl, count, [&] { return batch(impl, slots); });
  });
}

struct RegisterSpawn {
  template <class Impl>
  void operator()(int servers) {
    add_spawn<Impl>(servers, 10'000, kBatch);
  }
};
// What goes by way of the kernel is slower by two to three orders of magnitude.
struct RegisterSlowSpawn {
  template <class Impl>
  void operator()(int servers) {
    add_spawn<Impl>(servers, 500, kBatch);
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterSpawn());
  bench::for_task_groups(bench::RegisterSpawn());
  bench::for_each_pool(bench::RegisterSlowSpawn());
  bench::for_threads(bench::RegisterSlowSpawn());
  return bench::run_main(argc, argv);
}
