// SPDX-License-Identifier: Apache-2.0
// The end of a runtime while fibers are blocked in the kernel: it waits for them, and after 5 s it
// names them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "support/eventually.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "support/standard_error.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using umcg_test::Pipe;
using BlockedShutdown = umcg_test::HandoffTest;

// A frame to be found again.
[[gnu::noinline]] void read_one(const Pipe& pipe) {
  EXPECT_EQ(pipe.read(), 1);
  asm volatile("" ::: "memory");
}

std::unique_ptr<umcg::Runtime> make_runtime() {
  return std::make_unique<umcg::Runtime>(umcg::RuntimeOptions{.servers = 1, .max_workers = 2});
}

TEST_P(BlockedShutdown, WaitsForThem) {
  const Pipe pipe;
  std::atomic<bool> reading{false};
  std::atomic<bool> written{false};
  bool ended = false;
  auto rt = make_runtime();
  rt->post([&] {
    reading = true;
    EXPECT_EQ(pipe.read(), 1);
    EXPECT_TRUE(written);
    ended = true;
  });
  ASSERT_TRUE(umcg_test::eventually([&] { return reading.load(); }));
  std::thread writer([&] {
    ::usleep(50'000);
    written = true;
    pipe.write(1);
  });
  rt.reset();
  EXPECT_TRUE(ended);
  writer.join();
}

// Once: the waiting is the same whoever has noticed the block.
TEST(BlockedShutdownReport, NamesThemAfterAWhile) {
  const Pipe pipe;
  std::string report;
  {
    const umcg_test::StandardError error;
    auto rt = make_runtime();
    rt->spawn({.name = "the reader"}, [&] { read_one(pipe); }).detach();
    std::thread watcher([&] {
      report = error.lines_to("read_one");
      pipe.write(1);
    });
    rt.reset();
    watcher.join();
  }
  EXPECT_NE(report.find("has waited 5 s"), std::string::npos) << report;
  EXPECT_NE(report.find("\"the reader\": in read(2)"), std::string::npos) << report;
}

UMCG_INSTANTIATE_HANDOFFS(BlockedShutdown);

}  // namespace
