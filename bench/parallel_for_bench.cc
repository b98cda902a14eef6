// SPDX-License-Identifier: Apache-2.0
// parallel_for_bench.cc - a loop over ten million elements, in parts; the unit is the whole.
//
//     coarse   64 parts
//     fine     2,000 parts of 5,000 elements, a few us each
//
// TBB runs its own parallel_for over the parts. Floor: the plain loop over the elements that one
// CPU gets.
#include <atomic>
#include <cstdint>
#include <type_traits>

#ifdef UMCG_HAVE_TBB
#include <tbb/parallel_for.h>
#endif

#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

// What is done with an element; so much that memory does not matter.
inline std::uint64_t element(std::uint64_t i) {
  i ^= i >> 31;
  i *= 0x9e3779b97f4a7c15U;
  i ^= i >> 29;
  return i * 0xbf58476d1ce4e5b9U;
}

// The same code for all. Inlined, it came out one multiplication shorter here and there.
[[gnu::noinline]] std::uint64_t sum_of(std::int64_t from, std::int64_t to) {
  std::uint64_t sum = 0;
  for (std::int64_t i = from; i < to; ++i) sum += element(static_cast<std::uint64_t>(i));
  benchmark::DoNotOptimize(sum);  // nor calculated once for two calls
  return sum;
}

// Calculated once, not timed.
std::uint64_t expected_sum(std::int64_t elements) {
  static const std::uint64_t sum = sum_of(0, elements);
  return sum;
}

template <class Impl, class Part>
void run_parts(Impl& impl, int parts, Part part) {
#ifdef UMCG_HAVE_TBB
  if constexpr (std::is_same_v<Impl, Tbb>) return tbb::parallel_for(0, parts, part);
#endif
  impl.batch(parts, part);
}

template <class Impl>
bool add_up(Impl& impl, std::int64_t elements, int parts) {
  std::atomic<std::uint64_t> sum{0};
  run_parts(impl, parts, [&](int part) {
    const std::int64_t from = elements * part / parts;
    const std::int64_t to = elements * (part + 1) / parts;
    sum.fetch_add(sum_of(from, to), std::memory_order_relaxed);
  });
  return sum == expected_sum(elements);
}

std::int64_t elements() { return full_or_smoke<std::int64_t>(10'000'000, 100'000); }

template <class Impl>
void add_loop(const char* name, int servers, int parts) {
  add_quick<Impl>(name, servers, 1, [=](Impl& impl) { return add_up(impl, elements(), parts); });
}

struct RegisterCoarse {
  template <class Impl>
  void operator()(int servers) {
    add_loop<Impl>("parallel_for/coarse", servers, 64);
  }
};
struct RegisterLoops {
  template <class Impl>
  void operator()(int servers) {
    RegisterCoarse().operator()<Impl>(servers);
    add_loop<Impl>("parallel_for/fine", servers, full_or_smoke(2'000, 100));
  }
};

void add_floors() {
  for (const char* name : {"parallel_for/coarse", "parallel_for/fine"}) {
    for (int servers : {1, 2}) {
      add(
          name, "floor", servers,
          [=](benchmark::State& state) {
            OnThisThread here;
            const std::uint64_t right = sum_of(0, elements() / servers);
            measure(state, here, 1, [=] { return sum_of(0, elements() / servers) == right; });
          },
          Length::kQuick);
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_floors();
  bench::for_each_with_fibers(bench::RegisterLoops());
  bench::for_task_groups(bench::RegisterLoops());
  bench::for_each_pool(bench::RegisterLoops());
  bench::for_threads(bench::RegisterCoarse());
  return bench::run_main(argc, argv);
}
