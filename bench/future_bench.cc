// SPDX-License-Identifier: Apache-2.0
// future_bench.cc - results that are given and waited for, and fibers that end before a block does.
//
//     future/alone          one fiber makes a promise, keeps it and gets the value
//     future/round_trip     two fibers keep each other's promises in turn
//     future/when_all_100   one fiber keeps 100 promises, the other waits for all at once (or for
//                           one after the other, where there is no other way); the unit is all 100
//     scope/children_100    a scope that starts 100 children and joins them; one child's share
#include <array>
#include <cstddef>
#include <cstdint>
#include <future>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/harness.h"
#include "common/sync_objects.h"
#include "umcg/future.h"
#include "umcg/scope.h"

namespace bench {
namespace {

// Promise and future of an int; sum() waits for all.
template <template <class> class P, template <class> class F>
struct Futures {
  using Promise = P<std::int64_t>;
  using Future = F<std::int64_t>;
  static std::int64_t sum(std::vector<Future> futures) {
    std::int64_t total = 0;
    for (Future& future : futures) total += future.get();
    return total;
  }
};

template <class Impl>
struct FuturesOf {};
template <>
struct FuturesOf<Umcg> : Futures<umcg::Promise, umcg::Future> {
  static std::int64_t sum(std::vector<Future> futures) {
    return Futures::sum(umcg::when_all(std::move(futures)).get());
  }
};
template <>
struct FuturesOf<StdThreads> : Futures<std::promise, std::future> {};
#ifdef UMCG_HAVE_BOOST_FIBER
using BoostFutures = Futures<boost::fibers::promise, boost::fibers::future>;
template <>
struct FuturesOf<BoostFiber> : BoostFutures {};
template <>
struct FuturesOf<BoostStealing> : BoostFutures {};
template <>
struct FuturesOf<BoostSharedWork> : BoostFutures {};
#endif

template <class Impl>
using PromiseOf = typename FuturesOf<Impl>::Promise;
template <class Impl>
using FutureOf = typename FuturesOf<Impl>::Future;

constexpr std::int64_t sum_below(std::int64_t n) { return n * (n - 1) / 2; }

template <class Impl>
bool keep_alone(int count) {
  std::int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    PromiseOf<Impl> promise;
    auto future = promise.get_future();
    promise.set_value(i);
    sum += future.get();
  }
  return sum == sum_below(count);
}

template <class Impl>
bool round_trips(int rounds) {
  std::vector<PromiseOf<Impl>> asked(static_cast<std::size_t>(rounds));
  std::vector<PromiseOf<Impl>> answered(static_cast<std::size_t>(rounds));
  std::int64_t sum = 0;
  Impl::fork(
      [&] {
        for (std::size_t i = 0; i < asked.size(); ++i) {
          answered[i].set_value(asked[i].get_future().get() + 1);
        }
      },
      [&] {
        for (std::size_t i = 0; i < asked.size(); ++i) {
          asked[i].set_value(static_cast<std::int64_t>(i));
          sum += answered[i].get_future().get();
        }
      });
  return sum == sum_below(rounds) + rounds;
}

constexpr int kAtOnce = 100;

template <class Impl>
bool all_of_100(int rounds) {
  std::array<PromiseOf<Impl>, kAtOnce> promises;
  typename Impl::Semaphore made(0);
  bool right = true;
  Impl::fork(
      [&] {
        for (int round = 0; round < rounds; ++round) {
          made.acquire();
          std::array<PromiseOf<Impl>, kAtOnce> own = std::move(promises);
          for (int i = 0; i < kAtOnce; ++i) own[static_cast<std::size_t>(i)].set_value(i);
        }
      },
      [&] {
        for (int round = 0; round < rounds; ++round) {
          std::vector<FutureOf<Impl>> futures;
          futures.reserve(kAtOnce);
          for (auto& promise : promises) {
            promise = PromiseOf<Impl>();
            futures.push_back(promise.get_future());
          }
          made.release();
          right = FuturesOf<Impl>::sum(std::move(futures)) == sum_below(kAtOnce) && right;
        }
      });
  return right;
}

template <class Impl>
void children(Impl& impl, std::array<int, kAtOnce>& slots) {
  if constexpr (std::is_same_v<Impl, Umcg>) {
    umcg::Scope scope;
    for (int& slot : slots) scope.spawn([&slot] { ++slot; });
    scope.join();
  } else {
    impl.batch(kAtOnce, [&slots](int i) { ++slots[static_cast<std::size_t>(i)]; });
  }
}

template <class Impl>
bool scopes(Impl& impl, int rounds) {
  std::array<int, kAtOnce> slots{};
  for (int round = 0; round < rounds; ++round) children(impl, slots);
  bool right = true;
  for (const int slot : slots) right = right && slot == rounds;
  return right;
}

struct RegisterScopes {
  int rounds;
  template <class Impl>
  void operator()(int servers) {
    const int n = rounds;
    add_quick<Impl>("scope/children_100", servers, double(kAtOnce) * n,
                    [=](Impl& impl) { return scopes(impl, n); });
  }
};

struct RegisterFutures {
  template <class Impl>
  void operator()(int servers) {
    if constexpr (requires { typename FuturesOf<Impl>::Promise; }) {
      const Rounds n = rounds_on<Impl>(servers);
      const int rounds = n.pair;
      const int hundreds = n.crowd / 5;
      if (servers == 1) {
        const int count = full_or_smoke(50'000, 1'000);
        add_quick<Impl>("future/alone", 1, count, [=](Impl&) { return keep_alone<Impl>(count); });
      }
      add_quick<Impl>("future/round_trip", servers, rounds,
                      [=](Impl&) { return round_trips<Impl>(rounds); });
      add_quick<Impl>("future/when_all_100", servers, hundreds,
                      [=](Impl&) { return all_of_100<Impl>(hundreds); });
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterFutures());
  bench::for_threads(bench::RegisterFutures());
  const int scopes = bench::full_or_smoke(50, 2);
  bench::for_each_with_fibers(bench::RegisterScopes{scopes});
  bench::for_task_groups(bench::RegisterScopes{scopes});
  bench::for_each_pool(bench::RegisterScopes{scopes});
  bench::for_threads(bench::RegisterScopes{2});
  return bench::run_main(argc, argv);
}
