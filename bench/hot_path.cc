// SPDX-License-Identifier: Apache-2.0
// hot_path.cc - does one hot operation N times, so that a tool can count its instructions.
//
//     hot_path yield|spawn|park|lock N
//
// Prints the CPU time per operation too; the count is what bench/hot_path.sh holds against limits.
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "umcg/fiber.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

// Two fibers that take turns; an operation is one switch.
void yield(std::int64_t n) {
  auto turns = [n] {
    for (std::int64_t i = 0; i < n / 2; ++i) umcg::this_fiber::yield();
  };
  auto other = umcg::spawn(turns);
  turns();
  other.join();
}

void spawn(std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) umcg::spawn([] {}).join();
}

// Two fibers that wake each other; an operation is a park and an unpark.
void park(std::int64_t n) {
  umcg::Semaphore here(0);
  umcg::Semaphore there(0);
  auto other = umcg::spawn([&] {
    for (std::int64_t i = 0; i < n / 2; ++i) {
      there.acquire();
      here.release();
    }
  });
  for (std::int64_t i = 0; i < n / 2; ++i) {
    there.release();
    here.acquire();
  }
  other.join();
}

void lock(std::int64_t n) {
  umcg::Mutex mutex;
  for (std::int64_t i = 0; i < n; ++i) {
    mutex.lock();
    mutex.unlock();
  }
}

double cpu_ns() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void(std::int64_t)>> cases = {
      {"yield", yield}, {"spawn", spawn}, {"park", park}, {"lock", lock}};
  const auto found = argc == 3 ? cases.find(argv[1]) : cases.end();
  if (found == cases.end()) {
    std::fprintf(stderr, "usage: hot_path yield|spawn|park|lock N\n");
    return 2;
  }
  const std::int64_t n = std::strtoll(argv[2], nullptr, 10);
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  const double start = cpu_ns();
  rt.run([&] { found->second(n); });
  std::printf("%s %.1f ns\n", argv[1], (cpu_ns() - start) / static_cast<double>(n));
}
