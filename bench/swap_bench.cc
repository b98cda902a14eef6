// SPDX-License-Identifier: Apache-2.0
// swap_bench.cc - umcg_swap(): two kernel threads on one CPU that pass it to each other.
//
// The unit is one switch. Floor: a bare futex wake and a bare futex wait.
#include <cstdint>
#include <semaphore>
#include <thread>

#include "common/floor_switch.h"
#include "common/harness.h"
#include "umcg/kernel.h"

namespace bench {
namespace {

// Two switches each. Returns how often the other thread ran, or -1 if a call failed.
std::int64_t swap_round_trips(std::int64_t n) {
  umcg_tid here = 0;
  umcg_tid there = 0;
  std::int64_t visits = 0;
  bool failed =
      umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &here) != 0;
  std::binary_semaphore registered(0);
  bool other_failed = false;
  std::thread other([&] {
    other_failed =
        umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &there) != 0;
    registered.release();
    other_failed = umcg_wait(0, nullptr) != 0 || other_failed;
    for (std::int64_t i = 1; i < n; ++i) {
      ++visits;
      other_failed = umcg_swap(0, here, 0, nullptr) != 0 || other_failed;
    }
    ++visits;
    umcg_wake(0, here);
    umcg_unregister_task(0);
  });
  registered.acquire();
  for (std::int64_t i = 0; i < n; ++i) failed = umcg_swap(0, there, 0, nullptr) != 0 || failed;
  other.join();
  umcg_unregister_task(0);
  return failed || other_failed ? -1 : visits;
}

std::int64_t semaphore_round_trips(std::int64_t n) {
  std::binary_semaphore ping(0);
  std::binary_semaphore pong(0);
  std::int64_t visits = 0;
  std::thread other([&] {
    for (std::int64_t i = 0; i < n; ++i) {
      ping.acquire();
      ++visits;
      pong.release();
    }
  });
  for (std::int64_t i = 0; i < n; ++i) {
    ping.release();
    pong.acquire();
  }
  other.join();
  return visits;
}

void add_swap(const char* impl, std::int64_t (*round_trips)(std::int64_t)) {
  add("swap/two_threads", impl, 1, [=](benchmark::State& state) {
    const std::int64_t n = full_or_smoke(5'000, 100);
    OnThisThread here;
    measure(state, here, 2.0 * static_cast<double>(n), [=] { return round_trips(n) == n; });
  });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::add_swap("umcg", &bench::swap_round_trips);
  bench::add_swap("floor", &bench::FutexPair::round_trips);
  bench::add_swap("std_thread", &bench::semaphore_round_trips);
  return bench::run_main(argc, argv);
}
