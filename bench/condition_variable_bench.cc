// SPDX-License-Identifier: Apache-2.0
// condition_variable_bench.cc - condition variables under a mutex.
//
//     nobody          one fiber notifies, and nobody waits
//     ping_pong       two fibers that wake each other; the unit is a round trip
//     notify_all_16   one fiber wakes 16 at once and waits until all wait again; one waiter's share
#include <cstdint>
#include <mutex>

#include "common/harness.h"
#include "common/sync_objects.h"

namespace bench {
namespace {

template <class Impl>
bool notify_nobody(int count) {
  typename ObjectsOf<Impl>::ConditionVariable changed;
  int done = 0;
  for (; done < count; ++done) {
    changed.notify_one();
    benchmark::DoNotOptimize(done);
  }
  return done == count;
}

template <class Impl>
class Monitor {
 public:
  // Waits until the value is `from`, makes `to` of it and tells the other.
  void move(std::int64_t from, std::int64_t to) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return value_ == from; });
    value_ = to;
    changed_.notify_one();
  }
  std::int64_t value() const { return value_; }

 private:
  typename Impl::Mutex mutex_;
  typename ObjectsOf<Impl>::ConditionVariable changed_;
  std::int64_t value_ = 0;
};

template <class Impl>
bool ping_pong(int rounds) {
  Monitor<Impl> monitor;
  Impl::fork(
      [&] {
        for (std::int64_t i = 0; i < rounds; ++i) monitor.move(2 * i + 1, 2 * i + 2);
      },
      [&] {
        for (std::int64_t i = 0; i < rounds; ++i) monitor.move(2 * i, 2 * i + 1);
        monitor.move(2 * std::int64_t{rounds}, 0);
      });
  return monitor.value() == 0;
}

template <class Impl>
bool notify_all(int rounds) {
  typename Impl::Mutex mutex;
  typename ObjectsOf<Impl>::ConditionVariable go;
  typename ObjectsOf<Impl>::ConditionVariable gathered;
  int round = 0;
  int waiting = 0;
  std::int64_t woken = 0;
  Impl::batch(kCrowd + 1, [&](int member) {
    std::unique_lock lock(mutex);
    if (member == kCrowd) {
      while (round < rounds) {
        gathered.wait(lock, [&] { return waiting == kCrowd; });
        waiting = 0;
        ++round;
        go.notify_all();
      }
      return;
    }
    for (int mine = 0; mine < rounds; ++mine) {
      if (++waiting == kCrowd) gathered.notify_one();
      go.wait(lock, [&] { return round > mine; });
      ++woken;
    }
  });
  return woken == std::int64_t{kCrowd} * rounds;
}

struct RegisterConditions {
  template <class Impl>
  void operator()(int servers) {
    if constexpr (requires { typename ObjectsOf<Impl>::ConditionVariable; }) {
      const Rounds r = rounds_on<Impl>(servers);
      const int count = lone_operations();
      if (servers == 1) {
        add_quick<Impl>("condition_variable/nobody", 1, count,
                        [=](Impl&) { return notify_nobody<Impl>(count); });
      }
      add_quick<Impl>("condition_variable/ping_pong", servers, r.pair,
                      [=](Impl&) { return ping_pong<Impl>(r.pair); });
      add_quick<Impl>("condition_variable/notify_all_16", servers, double(kCrowd) * r.crowd,
                      [=](Impl&) { return notify_all<Impl>(r.crowd); });
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterConditions());
  bench::for_threads(bench::RegisterConditions());
  return bench::run_main(argc, argv);
}
