// SPDX-License-Identifier: Apache-2.0
// fork_join_bench.cc - trees of fibers: fib and skynet.
//
//     fib       each call starts a fiber for one branch and runs the other itself; the unit is one
//               started fiber. fib_20 is for peers that run out of memory on fib_27, because they
//               make the whole tree live before they finish any of it.
//     skynet    each fiber starts ten; the leaves return their number and the rest add up. The unit
//               is the whole tree: a million leaves, or 100,000 for the same peers.
#include <cstdint>

#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

template <class Impl>
void fib(int n, std::int64_t& result) {
  if (n < 2) {
    result = n;
    return;
  }
  std::int64_t a = 0;
  std::int64_t b = 0;
  Impl::fork([&a, n] { fib<Impl>(n - 1, a); }, [&b, n] { fib<Impl>(n - 2, b); });
  result = a + b;
}

constexpr std::int64_t fib_value(int n) {
  std::int64_t a = 0;
  std::int64_t b = 1;
  for (int i = 0; i < n; ++i) {
    const std::int64_t next = a + b;
    a = b;
    b = next;
  }
  return a;
}
// Calls with n >= 2, that is started fibers.
constexpr std::int64_t fib_forks(int n) { return fib_value(n + 1) - 1; }
static_assert(fib_value(10) == 55 && fib_forks(2) == 1 && fib_forks(4) == 4);

template <class Impl>
void skynet(std::int64_t first, std::int64_t leaves, std::int64_t& result) {
  if (leaves == 1) {
    result = first;
    return;
  }
  const std::int64_t part = leaves / 10;
  std::int64_t sums[10];
  Impl::template fork_n<10>(
      [&sums, first, part](int i) { skynet<Impl>(first + i * part, part, sums[i]); });
  result = 0;
  for (std::int64_t sum : sums) result += sum;
}

template <class Impl>
void add_fib(const char* variant, int servers, int n) {
  add(std::string("fork_join/") + variant, Impl::name(servers), servers,
      [=](benchmark::State& state) {
        Impl impl(servers);
        measure(state, impl, double(fib_forks(n)), [=] {
          std::int64_t result = 0;
          fib<Impl>(n, result);
          return result == fib_value(n);
        });
      });
}

template <class Impl>
void add_skynet(const char* variant, int servers, std::int64_t leaves) {
  add(std::string("fork_join/") + variant, Impl::name(servers), servers,
      [=](benchmark::State& state) {
        Impl impl(servers);
        measure(state, impl, 1, [=] {
          std::int64_t sum = 0;
          skynet<Impl>(0, leaves, sum);
          return sum == leaves * (leaves - 1) / 2;  // 499999500000 for a million
        });
      });
}

// On all CPUs, with more servers (or threads) than there are of them: what scales there, and what
// many idle servers cost where it does not.
template <class Impl>
void add_scaling(int servers) {
  register_on(usable_cpus(), "scaling/skynet_100k", Impl::name(servers), servers,
              [=](benchmark::State& state) {
                Impl impl(servers);
                measure(state, impl, 1, [] {
                  std::int64_t sum = 0;
                  skynet<Impl>(0, 100'000, sum);
                  return sum == std::int64_t{100'000} * 99'999 / 2;
                });
              });
}
void add_scaling_of_task_groups([[maybe_unused]] int servers) {
#ifdef UMCG_HAVE_TBB
  add_scaling<Tbb>(servers);
#endif
}

struct RegisterSmall {
  template <class Impl>
  void operator()(int servers) {
    add_fib<Impl>("fib_20", servers, 20);
    add_skynet<Impl>("skynet_100k", servers, 100'000);
  }
};
struct RegisterLarge {
  template <class Impl>
  void operator()(int servers) {
    add_fib<Impl>("fib_27", servers, 27);
    add_skynet<Impl>("skynet_1m", servers, 1'000'000);
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterSmall());
  bench::for_task_groups(bench::RegisterSmall());
  for (int servers : {1, 2}) bench::RegisterLarge().operator()<bench::Umcg>(servers);
  bench::for_task_groups(bench::RegisterLarge());
  for (int servers : {1, 2, 4, 8, 16}) bench::add_scaling<bench::Umcg>(servers);
  for (int servers : {1, 2, 4, 8, 16}) bench::add_scaling_of_task_groups(servers);
  return bench::run_main(argc, argv);
}
