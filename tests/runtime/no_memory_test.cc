// SPDX-License-Identifier: Apache-2.0
// When the system has no memory for another stack, new fibers wait for others to end; none is lost.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "support/death.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;

// Bytes of address space that this process uses.
rlim_t address_space() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

[[noreturn]] void run_in_little_memory() {
  umcg::Runtime rt({.servers = 2});
  constexpr int kFibers = 3000;  // of 320 KiB each, guard included
  std::vector<umcg::Fiber<int>> fibers;
  fibers.reserve(kFibers);
  // Descriptors are had before the limit: without memory for one, spawn() throws.
  for (int i = 0; i < kFibers; ++i) fibers.push_back(rt.spawn([] { return 0; }));
  for (auto& f : fibers) f.join();
  fibers.clear();
  const rlimit limit{address_space() + (rlim_t{48} << 20), RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
  for (int i = 0; i < kFibers; ++i) {
    fibers.push_back(rt.spawn([i] {
      // For so long that there are some hundred at once, on a slow machine too.
      umcg::this_fiber::sleep_for(50ms);
      return i;
    }));
  }
  long sum = 0;
  for (auto& f : fibers) sum += f.join();
  std::_Exit(sum == kFibers * (kFibers - 1L) / 2 ? 0 : 1);
}

TEST(NoMemory, FibersWithoutAStackWaitForOne) {
  if (umcg_test::kSanitized) GTEST_SKIP() << "sanitizers need the address space";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_in_little_memory(), ::testing::ExitedWithCode(0), "no memory for another stack");
}

}  // namespace
