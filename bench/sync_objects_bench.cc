// SPDX-License-Identifier: Apache-2.0
// sync_objects_bench.cc - semaphores, events, wait groups, latches and barriers.
//
//     .../alone       one fiber that never has to wait: acquire, release; set, wait, reset; add,
//                     done, wait; make a latch of one, count down, wait; a barrier of one
//     semaphore/16_fibers     16 fibers take and give back one of four permits
//     event/ping_pong         two fibers that wake each other, a round trip
//     event/16_fibers         one of 16 sets an event that the others wait for, each in its turn
//     wait_group/16_fibers    16 fibers are done with one group after the other, one more waits for
//                             each group; the unit is one done()
//     latch/16_fibers, barrier/16_fibers, barrier/pair
//                             so many meet again and again, at a new latch or at the same barrier;
//                             the unit is one meeting
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "common/harness.h"
#include "common/sync_objects.h"

namespace bench {
namespace {

// `count` operations of one fiber, of which none may wait.
template <class Operation>
bool repeat(int count, Operation operation) {
  std::int64_t done = 0;
  for (int i = 0; i < count; ++i) {
    operation();
    ++done;
    benchmark::DoNotOptimize(done);
  }
  return done == count;
}

template <class Impl>
bool share_permits(int each) {
  constexpr int kPermits = 4;
  typename Impl::Semaphore permits(kPermits);
  std::array<std::int64_t, kCrowd> taken{};
  Impl::batch(kCrowd, [&](int member) {
    for (int i = 0; i < each; ++i) {
      permits.acquire();
      ++taken[static_cast<std::size_t>(member)];
      permits.release();
    }
  });
  for (int i = 0; i < kPermits; ++i) permits.acquire();  // none was lost, or this waits for ever
  std::int64_t total = 0;
  for (const std::int64_t n : taken) total += n;
  return total == std::int64_t{kCrowd} * each;
}

template <class Impl>
bool event_ping_pong(int rounds) {
  typename ObjectsOf<Impl>::Event ping;
  typename ObjectsOf<Impl>::Event pong;
  int visits = 0;  // guarded by the turn
  bool right = true;
  Impl::fork(
      [&] {
        for (int i = 0; i < rounds; ++i) {
          ping.wait();
          ping.reset();
          ++visits;
          pong.set();
        }
      },
      [&] {
        for (int i = 1; i <= rounds; ++i) {
          ping.set();
          pong.wait();
          pong.reset();
          right = right && visits == i;
        }
      });
  return right;
}

template <class Impl>
bool event_crowd(int rounds) {
  std::deque<typename ObjectsOf<Impl>::Event> events(static_cast<std::size_t>(rounds));
  std::vector<int> said(static_cast<std::size_t>(rounds));
  std::atomic<std::int64_t> heard{0};
  Impl::batch(kCrowd, [&](int member) {
    std::int64_t sum = 0;
    for (int round = 0; round < rounds; ++round) {
      const auto at = static_cast<std::size_t>(round);
      if (round % kCrowd == member) {
        said[at] = round;
        events[at].set();
      } else {
        events[at].wait();
      }
      sum += said[at];
    }
    heard += sum;
  });
  return heard == std::int64_t{kCrowd} * rounds * (rounds - 1) / 2;
}

template <class Impl>
bool groups_in_turn(int rounds) {
  struct alignas(64) Progress {
    std::atomic<int> rounds{0};
  };
  std::deque<typename ObjectsOf<Impl>::WaitGroup> groups;
  for (int i = 0; i < rounds; ++i) groups.emplace_back(kCrowd);
  std::array<Progress, kCrowd> progress;
  bool right = true;
  Impl::batch(kCrowd + 1, [&](int member) {
    for (int round = 0; round < rounds; ++round) {
      auto& group = groups[static_cast<std::size_t>(round)];
      if (member < kCrowd) {
        progress[static_cast<std::size_t>(member)].rounds.store(round + 1,
                                                                std::memory_order_relaxed);
        group.done();
        continue;
      }
      group.wait();
      for (const Progress& p : progress) {
        right = right && p.rounds.load(std::memory_order_relaxed) > round;
      }
    }
  });
  return right;
}

// meet(round) returns when all `members` have called it.
template <class Impl, class Meet>
bool meet_again_and_again(int members, int rounds, Meet meet) {
  std::atomic<int> arrived{0};
  std::atomic<int> wrong{0};
  Impl::batch(members, [&](int) {
    for (int round = 0; round < rounds; ++round) {
      arrived.fetch_add(1, std::memory_order_relaxed);
      meet(round);
      if (arrived.load(std::memory_order_relaxed) < members * (round + 1)) ++wrong;
    }
  });
  return wrong == 0 && arrived == members * rounds;
}

template <class Impl>
bool at_latches(int rounds) {
  std::deque<typename ObjectsOf<Impl>::Latch> latches;
  for (int i = 0; i < rounds; ++i) latches.emplace_back(kCrowd);
  return meet_again_and_again<Impl>(kCrowd, rounds, [&](int round) {
    latches[static_cast<std::size_t>(round)].arrive_and_wait();
  });
}

template <class Impl>
bool at_barrier(int members, int rounds) {
  typename ObjectsOf<Impl>::Barrier barrier(members);
  return meet_again_and_again<Impl>(members, rounds, [&](int) { barrier.arrive_and_wait(); });
}

template <class Impl>
void add_alone() {
  using Objects = ObjectsOf<Impl>;
  const int count = lone_operations();
  add_quick<Impl>("event/alone", 1, count, [=](Impl&) {
    typename Objects::Event event;
    return repeat(count, [&] {
      event.set();
      event.wait();
      event.reset();
    });
  });
  add_quick<Impl>("wait_group/alone", 1, count, [=](Impl&) {
    typename Objects::WaitGroup group;
    return repeat(count, [&] {
      group.add();
      group.done();
      group.wait();
    });
  });
  add_quick<Impl>("latch/alone", 1, count, [=](Impl&) {
    return repeat(count, [&] {
      typename Objects::Latch latch(1);
      latch.count_down();
      latch.wait();
    });
  });
  add_quick<Impl>("barrier/alone", 1, count, [=](Impl&) {
    typename Objects::Barrier barrier(1);
    return repeat(count, [&] { barrier.arrive_and_wait(); });
  });
}

template <class Impl>
void add_crowd(int servers, int rounds) {
  add_quick<Impl>("event/16_fibers", servers, rounds,
                  [=](Impl&) { return event_crowd<Impl>(rounds); });
  add_quick<Impl>("wait_group/16_fibers", servers, double(kCrowd) * rounds,
                  [=](Impl&) { return groups_in_turn<Impl>(rounds); });
  add_quick<Impl>("latch/16_fibers", servers, rounds,
                  [=](Impl&) { return at_latches<Impl>(rounds); });
  add_quick<Impl>("barrier/16_fibers", servers, rounds,
                  [=](Impl&) { return at_barrier<Impl>(kCrowd, rounds); });
}

template <class Impl>
void add_semaphore(int servers) {
  if (servers == 1) {
    const int count = lone_operations();
    add_quick<Impl>("semaphore/alone", 1, count, [=](Impl&) {
      typename Impl::Semaphore semaphore(1);
      return repeat(count, [&] {
        semaphore.acquire();
        semaphore.release();
      });
    });
  } else {
    const int each = crowd_operations();
    add_quick<Impl>("semaphore/16_fibers", servers, double(kCrowd) * each,
                    [=](Impl&) { return share_permits<Impl>(each); });
  }
}

struct RegisterObjects {
  template <class Impl>
  void operator()(int servers) {
    add_semaphore<Impl>(servers);
    if constexpr (requires { typename ObjectsOf<Impl>::Event; }) {
      const Rounds r = rounds_on<Impl>(servers);
      if (servers == 1) add_alone<Impl>();
      if (servers == 2) add_crowd<Impl>(servers, r.crowd);
      add_quick<Impl>("event/ping_pong", servers, r.pair,
                      [=](Impl&) { return event_ping_pong<Impl>(r.pair); });
      add_quick<Impl>("barrier/pair", servers, r.pair,
                      [=](Impl&) { return at_barrier<Impl>(2, r.pair); });
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterObjects());
  bench::for_threads(bench::RegisterObjects());
  return bench::run_main(argc, argv);
}
