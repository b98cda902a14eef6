// SPDX-License-Identifier: Apache-2.0
// steady_load.h - SteadyLoad: fibers that go on only while hand-offs do.
//
//     SteadyLoad load;
//     stop_half_of_the_machine();
//     EXPECT_TRUE(load.goes_on());
#ifndef UMCG_TESTS_HANDOFF_STEADY_LOAD_H_
#define UMCG_TESTS_HANDOFF_STEADY_LOAD_H_

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "support/eventually.h"
#include "support/pipe.h"
#include "umcg/blocking.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace umcg_test {

class SteadyLoad {
 public:
  // More fibers that block than servers: without hand-off they soon block all of them at once.
  static constexpr int kFibers = 6;

  explicit SteadyLoad(umcg::RuntimeOptions options = {.servers = 2}) : rt_(std::move(options)) {
    for (int i = 0; i < kFibers; ++i) {
      fibers_.push_back(rt_.spawn([this] {
        while (!stop_) round();
      }));
    }
  }
  ~SteadyLoad() {
    stop_ = true;
    for (auto& fiber : fibers_) fiber.join();
  }
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  // Waits for some more rounds. False if they do not come.
  bool goes_on() const {
    const long wanted = rounds_ + 20 * kFibers;
    if (eventually([&] { return rounds_ >= wanted; })) return true;
    std::fprintf(stderr, "no progress\n%s\n", rt_.stats().to_string().c_str());
    return false;
  }

  umcg::Runtime& runtime() { return rt_; }

 private:
  void round() {
    const Pipe pipe;
    auto writer = umcg::spawn([&] { pipe.write(1); });
    if (pipe.read() != 1) return;
    writer.join();
    umcg::this_fiber::sleep_for(std::chrono::microseconds(200));
    umcg::blocking([] { ::usleep(100); });
    ++rounds_;
  }

  std::atomic<bool> stop_{false};
  std::atomic<long> rounds_{0};
  umcg::Runtime rt_;
  std::vector<umcg::Fiber<>> fibers_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_HANDOFF_STEADY_LOAD_H_
