// SPDX-License-Identifier: Apache-2.0
// yield_bench.cc - what it costs to let the next fiber run.
//
// Floor: a bare jump from context to context. A yield to another fiber is one jump at least.
#include <cstdint>
#include <vector>

#include "common/floor_switch.h"
#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

// Each fiber yields so many times. Right if every fiber came to its end.
template <class Impl>
bool yield_all(int fibers, int yields) {
  std::vector<int> done(static_cast<std::size_t>(fibers));
  Impl::batch(fibers, [&](int i) {
    int count = 0;
    for (; count < yields; ++count) Impl::yield();
    done[static_cast<std::size_t>(i)] = count;
  });
  std::int64_t total = 0;
  for (int count : done) total += count;
  return total == std::int64_t{fibers} * yields;
}

template <class Impl>
void add_yield(const char* variant, int fibers, int servers) {
  add(std::string("yield/") + variant, Impl::name(servers), servers, [=](benchmark::State& state) {
    // The start of the fibers is timed too; with so many yields it is below 1 % of the time.
    const int yields = full_or_smoke(200'000, 1'000) / fibers;
    Impl impl(servers);
    measure(state, impl, double(fibers) * yields, [=] { return yield_all<Impl>(fibers, yields); });
  });
}

void add_floor() {
  add("yield/two_fibers", "floor", 1, [](benchmark::State& state) {
    const int round_trips = full_or_smoke(100'000, 500);
    OnThisThread here;
    ContextPair pair;
    measure(state, here, 2.0 * round_trips,
            [&] { return pair.round_trips(round_trips) == round_trips; });
  });
}

struct RegisterYield {
  template <class Impl>
  void operator()(int servers) {
    if (servers == 1) add_yield<Impl>("one_fiber", 1, servers);
    if (servers == 1) add_yield<Impl>("two_fibers", 2, servers);
    add_yield<Impl>("100_fibers", 100, servers);
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_floor();
  bench::for_each_with_fibers(bench::RegisterYield());
  bench::for_threads(bench::RegisterYield());
  return bench::run_main(argc, argv);
}
