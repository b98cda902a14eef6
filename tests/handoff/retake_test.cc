// SPDX-License-Identifier: Apache-2.0
// A fiber that blocked comes back without a server: it takes one whose holder does not run, stays
// on its thread, and does not make threads of fibers that compute.
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "kernel_shim/run_state.h"
#include "runtime/handoff/hogs.h"
#include "runtime/handoff/retake.h"
#include "support/eventually.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::internal::Displaced;
using umcg::internal::shim::RunState;
using umcg_test::eventually;

class Retake : public umcg_test::HandoffTest {};
UMCG_INSTANTIATE_HANDOFFS_AND_OFF(Retake);

// A fiber that sleeps in read(2) until it is let go.
class Reader {
 public:
  explicit Reader(umcg::Runtime& rt)
      : fiber_(rt.spawn([this] {
          thread_ = ::gettid();
          EXPECT_EQ(pipe_.read(), 1);
          umcg::this_fiber::yield();
          same_thread_ = thread_ == ::gettid();
        })) {}
  bool sleeps() const {
    return thread_ != 0 && umcg::internal::shim::run_state_of(thread_) == RunState::kSleeping;
  }
  // Whether it was on the same thread after its yield as before.
  bool let_go() {
    pipe_.write(1);
    fiber_.join();
    return same_thread_;
  }

 private:
  umcg_test::Pipe pipe_;
  std::atomic<pid_t> thread_{0};
  std::atomic<bool> same_thread_{false};
  umcg::Fiber<> fiber_;
};

// Two readers on one server, of which the first comes back. Whether it took the server.
bool comes_back(bool is_chaos) {
  umcg::Runtime rt({.servers = 1});
  Reader first(rt);
  EXPECT_TRUE(eventually([&] { return first.sleeps(); }));
  Reader second(rt);
  EXPECT_TRUE(eventually([&] { return second.sleeps(); }));
  const bool stayed = first.let_go();
  const bool took = rt.stats().handoffs_by_return == 1;
  EXPECT_TRUE(stayed || !took || is_chaos);
  (void)second.let_go();
  return took;
}

TEST_P(Retake, FromAHolderThatIsBlocked) {
  if (GetParam() == "off") GTEST_SKIP() << "the second fiber would wait for the first";
  // Two workers may have been asked to take the server from the first reader. The later one then
  // takes it from the second, finds nothing queued, and sleeps with it.
  EXPECT_TRUE(eventually([] { return comes_back(GetParam() == "chaos"); }));
}

TEST_P(Retake, NotWithHandOffOff) {
  if (GetParam() != "off") GTEST_SKIP();
  umcg::Runtime rt({.servers = 2});
  Reader first(rt);
  Reader second(rt);
  ASSERT_TRUE(eventually([&] { return first.sleeps() && second.sleeps(); }));
  (void)first.let_go();
  (void)second.let_go();
  EXPECT_EQ(rt.stats().handoffs_by_return, 0U);
}

TEST(DisplacedBound, GrowsWithRightGuessesAndShrinksWithWrongOnes) {
  constexpr std::uint32_t kServers = 2;
  Displaced displaced(kServers);
  EXPECT_EQ(displaced.bound(), Displaced::kLeast * kServers);
  for (std::uint32_t i = 0; i < 2 * Displaced::kMost * kServers; ++i) displaced.learn(true);
  EXPECT_EQ(displaced.bound(), Displaced::kMost * kServers);
  displaced.learn(false);
  EXPECT_EQ(displaced.bound(), Displaced::kMost * kServers * 7 / 8);
  for (int i = 0; i < 100; ++i) displaced.learn(false);
  EXPECT_EQ(displaced.bound(), Displaced::kLeast * kServers);
}

// Each block lets a fiber displace one that computes, and then a new one begins: without a limit a
// few that block would give each of those a thread.
TEST_P(Retake, FibersThatComputeDoNotEachGetAThread) {
  constexpr std::uint32_t kServers = 2;
  constexpr int kBlockers = 4;
  constexpr int kHogs = 200;
  umcg::Runtime rt({.servers = kServers});
  std::atomic<int> left{kHogs};
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < kBlockers; ++i) {
    fibers.push_back(rt.spawn([&] {
      constexpr timespec kBlock{0, 300'000};
      while (left != 0) {
        ::nanosleep(&kBlock, nullptr);
        umcg::this_fiber::yield();
      }
    }));
  }
  for (int i = 0; i < kHogs; ++i) {
    fibers.push_back(rt.spawn([&] {
      const auto end = std::chrono::steady_clock::now() + 20ms;
      while (std::chrono::steady_clock::now() < end) asm volatile("");
      --left;
    }));
  }
  for (auto& fiber : fibers) fiber.join();
  // One holder and one spare each, and some that are on their way.
  EXPECT_LT(rt.stats().workers_peak,
            kBlockers + 10 + kServers * (2 + umcg::internal::Hogs::kMost + Displaced::kLeast));
}

}  // namespace
