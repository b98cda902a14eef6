// SPDX-License-Identifier: Apache-2.0
// mutex_bench.cc - what it costs to lock and unlock.
//
//     uncontended    one fiber
//     100_fibers     100 fibers that only lock, count and unlock
//     yield_inside   100 fibers that yield while they hold the lock: nearly each lock() must wait
//
// Floor: one compare-and-swap and one exchange on a word that nobody else touches.
#include <cstdint>
#include <mutex>

#include "common/floor_lock.h"
#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

template <class Mutex>
bool lock_alone(int count) {
  Mutex mutex;
  std::int64_t counter = 0;
  for (int i = 0; i < count; ++i) {
    std::lock_guard lock(mutex);
    ++counter;
    benchmark::DoNotOptimize(counter);
  }
  return counter == count;
}

template <class Impl>
bool lock_together(int fibers, int each, bool yield_inside) {
  typename Impl::Mutex mutex;
  std::int64_t counter = 0;
  Impl::batch(fibers, [&](int) {
    for (int i = 0; i < each; ++i) {
      std::lock_guard lock(mutex);
      const std::int64_t seen = counter;
      if (yield_inside) Impl::yield();
      counter = seen + 1;
      benchmark::DoNotOptimize(counter);
    }
  });
  return counter == std::int64_t{fibers} * each;
}

constexpr int kFibers = 100;

struct RegisterMutex {
  template <class Impl>
  void operator()(int servers) {
    if (servers == 1) {
      add("mutex/uncontended", Impl::name(servers), servers, [](benchmark::State& state) {
        const int count = full_or_smoke(1'000'000, 1'000);
        Impl impl(1);
        measure(state, impl, count, [=] { return lock_alone<typename Impl::Mutex>(count); });
      });
    }
    add_contended<Impl>("100_fibers", servers, 10'000, false);
    add_contended<Impl>("yield_inside", servers, 200, true);
  }

  template <class Impl>
  static void add_contended(const char* variant, int servers, int full, bool yield_inside) {
    add(std::string("mutex/") + variant, Impl::name(servers), servers,
        [=](benchmark::State& state) {
          const int each = full_or_smoke(full, 20);
          Impl impl(servers);
          measure(state, impl, double(kFibers) * each,
                  [=] { return lock_together<Impl>(kFibers, each, yield_inside); });
        });
  }
};

// The same floor stands for both lines.
void add_floors() {
  for (const char* variant : {"mutex/uncontended", "mutex/100_fibers"}) {
    for (int servers : {1, 2}) {
      if (servers == 2 && std::string(variant) == "mutex/uncontended") continue;
      add(variant, "floor", servers, [](benchmark::State& state) {
        const int count = full_or_smoke(1'000'000, 1'000);
        OnThisThread here;
        measure(state, here, count, [=] { return lock_alone<FloorLock>(count); });
      });
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_floors();
  bench::for_each_with_fibers(bench::RegisterMutex());
  bench::for_threads(bench::RegisterMutex());
  return bench::run_main(argc, argv);
}
