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
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using umcg_test::Pipe;
using BlockedShutdown = umcg_test::HandoffTest;

// While it lives, what is written to standard error can be read here.
class StandardError {
 public:
  StandardError() : before_(::dup(STDERR_FILENO)) { ::dup2(pipe_.writer(), STDERR_FILENO); }
  ~StandardError() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  std::string line() const {
    std::string text;
    for (int c = pipe_.read(); c >= 0 && c != '\n'; c = pipe_.read()) {
      text += static_cast<char>(c);
    }
    return text;
  }

 private:
  const Pipe pipe_;
  const int before_;
};

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

TEST_P(BlockedShutdown, NamesThemAfterAWhile) {
  const Pipe pipe;
  std::string report;
  {
    const StandardError error;
    auto rt = make_runtime();
    rt->spawn({.name = "the reader"}, [&] { EXPECT_EQ(pipe.read(), 1); }).detach();
    std::thread watcher([&] {
      while (report.find("\"the reader\"") == std::string::npos) report += error.line() + '\n';
      pipe.write(1);
    });
    rt.reset();
    watcher.join();
  }
  EXPECT_NE(report.find("has waited 5 s"), std::string::npos) << report;
  EXPECT_NE(report.find("in read(2)"), std::string::npos) << report;
}

UMCG_INSTANTIATE_HANDOFFS(BlockedShutdown);

}  // namespace
