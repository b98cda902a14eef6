// SPDX-License-Identifier: Apache-2.0
// shared_mutex_bench.cc - locks of other kinds than the plain mutex.
//
//     recursive_mutex/alone       one fiber: lock twice, unlock twice
//     recursive_mutex/16_fibers   the same by 16 fibers that do nothing else
//     shared_mutex/read_alone, write_alone
//                                 one fiber: lock and unlock
//     shared_mutex/readers, mixed, writers
//                                 16 fibers; none, each tenth or all of their locks are exclusive
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "common/harness.h"
#include "common/sync_objects.h"

namespace bench {
namespace {

template <class Impl>
bool lock_twice(Impl& impl, int fibers, int each) {
  typename ObjectsOf<Impl>::RecursiveMutex mutex;
  std::int64_t counter = 0;
  const auto count = [&](int) {
    for (int i = 0; i < each; ++i) {
      std::lock_guard outer(mutex);
      std::lock_guard inner(mutex);
      ++counter;
      benchmark::DoNotOptimize(counter);
    }
  };
  if (fibers == 1) {
    count(0);
  } else {
    impl.batch(fibers, count);
  }
  return counter == std::int64_t{fibers} * each;
}

// Two counters that are equal whenever the lock is free.
struct Twins {
  std::int64_t a = 0;
  std::int64_t b = 0;
};

// Each `write_each`-th lock is exclusive; 0: none.
template <class Impl>
bool read_and_write(Impl& impl, int fibers, int each, int write_each) {
  typename ObjectsOf<Impl>::SharedMutex mutex;
  Twins twins;
  std::atomic<bool> right{true};
  const auto visit = [&](int) {
    bool equal = true;
    for (int i = 0; i < each; ++i) {
      if (write_each != 0 && i % write_each == 0) {
        std::lock_guard lock(mutex);
        ++twins.a;
        benchmark::DoNotOptimize(twins);
        ++twins.b;
      } else {
        std::shared_lock lock(mutex);
        benchmark::DoNotOptimize(twins);
        equal = equal && twins.a == twins.b;
      }
    }
    if (!equal) right = false;
  };
  if (fibers == 1) {
    visit(0);
  } else {
    impl.batch(fibers, visit);
  }
  const std::int64_t writes = write_each == 0 ? 0 : (each + write_each - 1) / write_each;
  return right && twins.a == fibers * writes && twins.b == twins.a;
}

template <class Impl>
void add_shared(const char* variant, int servers, int fibers, int each, int write_each) {
  add_quick<Impl>(std::string("shared_mutex/") + variant, servers, double(fibers) * each,
                  [=](Impl& impl) { return read_and_write(impl, fibers, each, write_each); });
}

struct RegisterLocks {
  template <class Impl>
  void operator()(int servers) {
    const int alone = lone_operations();
    const int each = crowd_operations();
    if constexpr (requires { typename ObjectsOf<Impl>::RecursiveMutex; }) {
      const int fibers = servers == 1 ? 1 : kCrowd;
      const int count = servers == 1 ? alone : each;
      add_quick<Impl>(servers == 1 ? "recursive_mutex/alone" : "recursive_mutex/16_fibers", servers,
                      double(fibers) * count,
                      [=](Impl& impl) { return lock_twice(impl, fibers, count); });
    }
    if constexpr (requires { typename ObjectsOf<Impl>::SharedMutex; }) {
      if (servers == 1) {
        add_shared<Impl>("read_alone", 1, 1, alone, 0);
        add_shared<Impl>("write_alone", 1, 1, alone, 1);
      } else {
        add_shared<Impl>("readers", servers, kCrowd, each, 0);
        add_shared<Impl>("mixed", servers, kCrowd, each, 10);
        add_shared<Impl>("writers", servers, kCrowd, each, 1);
      }
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::for_each_with_fibers(bench::RegisterLocks());
  bench::for_task_groups(bench::RegisterLocks());
  bench::for_threads(bench::RegisterLocks());
  return bench::run_main(argc, argv);
}
