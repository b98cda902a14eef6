// SPDX-License-Identifier: Apache-2.0
// ping_pong_bench.cc - two fibers that wake each other by semaphores; the unit is a round trip.
//
//     pair          one pair; on two servers the runtime is free to keep both fibers together
//     eight_pairs   eight pairs at once
//     across        the fibers are on different CPUs for certain: each in a runtime of one server
//                   (or on a thread) of its own; both CPUs go idle between
//     across_busy   the same, and each CPU has another fiber that only yields
//
// Floor of pair: two bare jumps.
#include <atomic>
#include <cstdint>

#include "common/floor_switch.h"
#include "common/harness.h"
#include "common/peers.h"

namespace bench {
namespace {

template <class Impl>
class Match {
 public:
  void pong(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      ping_.acquire();
      ++visits_;
      pong_.release();
    }
  }
  // Right if each ping was answered once.
  bool ping(int rounds) {
    bool right = true;
    const std::int64_t before = visits_;
    for (int i = 1; i <= rounds; ++i) {
      ping_.release();
      pong_.acquire();
      right = right && visits_ == before + i;
    }
    return right;
  }

 private:
  typename Impl::Semaphore ping_{0};
  typename Impl::Semaphore pong_{0};
  std::int64_t visits_ = 0;  // guarded by the turn
};

template <class Impl>
bool play(int rounds) {
  Match<Impl> match;
  bool right = false;
  Impl::fork([&] { match.pong(rounds); }, [&] { right = match.ping(rounds); });
  return right;
}

template <class Impl>
bool play_many(int pairs, int rounds) {
  std::atomic<int> right{0};
  Impl::batch(pairs, [&](int) { right += play<Impl>(rounds); });
  return right == pairs;
}

template <class Impl>
void add_pairs(const char* variant, int pairs, int servers, int total_rounds) {
  add(std::string("ping_pong/") + variant, Impl::name(servers), servers,
      [=](benchmark::State& state) {
        const int rounds = full_or_smoke(total_rounds, 800) / pairs;
        Impl impl(servers);
        measure(state, impl, double(rounds) * pairs,
                [=] { return pairs == 1 ? play<Impl>(rounds) : play_many<Impl>(pairs, rounds); });
      });
}

// Keeps a CPU busy with fibers that yield while it lives.
template <class Impl, class F>
void beside_a_yielder(bool wanted, F f) {
  if (!wanted) return f();
  std::atomic<bool> stop{false};
  auto yielder = Impl::spawn([&stop] {
    while (!stop.load(std::memory_order_relaxed)) Impl::yield();
  });
  f();
  stop = true;
  yielder.join();
}

template <class Impl>
void play_across(benchmark::State& state, bool busy, int rounds) {
  typename Impl::Island here(0);
  typename Impl::Island there(1);
  bool right = true;
  Stopwatch watch(state);
  for (auto _ : state) {
    Match<Impl> match;
    Clock::duration elapsed{};
    there.start([&] { beside_a_yielder<Impl>(busy, [&] { match.pong(rounds + 1); }); });
    here.start([&] {
      beside_a_yielder<Impl>(busy, [&] {
        right = match.ping(1) && right;  // until the other side has started
        const Clock::time_point start = Clock::now();
        right = match.ping(rounds) && right;
        elapsed = Clock::now() - start;
      });
    });
    here.join();
    there.join();
    watch.iteration(elapsed);
  }
  watch.report(rounds);
  if (!right) fail(state, "wrong result");
}

template <class Impl>
void add_across(int total_rounds) {
  for (bool busy : {false, true}) {
    add(busy ? "ping_pong/across_busy" : "ping_pong/across", Impl::name(1), 2,
        [=](benchmark::State& state) {
          play_across<Impl>(state, busy, full_or_smoke(total_rounds, 100));
        });
  }
}

void add_floors() {
  add("ping_pong/pair", "floor", 1, [](benchmark::State& state) {
    const int rounds = full_or_smoke(100'000, 500);
    OnThisThread here;
    ContextPair pair;
    measure(state, here, rounds, [&] { return pair.round_trips(rounds) == rounds; });
  });
}

struct RegisterPairs {
  int rounds;
  template <class Impl>
  void operator()(int servers) {
    add_pairs<Impl>("pair", 1, servers, rounds);
    add_pairs<Impl>("eight_pairs", 8, servers, rounds);
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  constexpr int kFiberRounds = 40'000;
  constexpr int kThreadRounds = 2'000;
  bench::add_floors();
  bench::for_each_with_fibers(bench::RegisterPairs{kFiberRounds});
  bench::for_threads(bench::RegisterPairs{kThreadRounds});
  bench::add_across<bench::Umcg>(kThreadRounds);
#ifdef UMCG_HAVE_BOOST_FIBER
  bench::add_across<bench::BoostFiber>(kThreadRounds);
#endif
  bench::add_across<bench::StdThreads>(kThreadRounds);
  return bench::run_main(argc, argv);
}
