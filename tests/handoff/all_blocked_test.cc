// SPDX-License-Identifier: Apache-2.0
// More fibers blocked in the kernel than there are servers, or workers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include "handoff/blocked_call.h"
#include "support/eventually.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::join_or_abort;
using umcg_test::Pipe;

using ManyBlocked = umcg_test::HandoffTest;

TEST_P(ManyBlocked, TenThousandOnSixtyFourWorkers) {
  const int fibers = umcg_test::live_fibers(10'000);
  constexpr int kWorkers = 64;
  umcg::Runtime rt({.servers = 2, .max_workers = kWorkers});
  std::atomic<int> done{0};
  auto all = rt.spawn([&] {
    std::vector<umcg::Fiber<>> blocked;
    for (int i = 0; i < fibers; ++i) {
      blocked.push_back(umcg::spawn([&] {
        ::usleep(500);
        ++done;
      }));
    }
    for (auto& f : blocked) f.join();
  });
  join_or_abort(rt, all);
  EXPECT_EQ(done, fibers);
  // The bound may be passed slowly while nothing moves, as on a machine that stops for a while.
  EXPECT_LE(rt.stats().workers_peak, 2 * kWorkers);
}

UMCG_INSTANTIATE_HANDOFFS(ManyBlocked);

// Every worker that holds a server sits in read(2), and nothing is queued.
class AllBlocked : public umcg_test::HandoffTest {
 protected:
  static constexpr int kServers = 2;

  // A reader for each server; one more worker for whoever ends that.
  AllBlocked() {
    for (const Pipe& pipe : pipes_) {
      readers_.push_back(rt_.spawn([this, &pipe] {
        ++reading_;
        EXPECT_EQ(pipe.read(), 1);
      }));
    }
  }
  void wait_for_readers() const {
    ASSERT_TRUE(umcg_test::eventually([this] { return reading_ == kServers; }));
    // From the count to the sleep in read(2) it is a moment; nothing depends on its length.
    ::usleep(20'000);
  }
  void end_readers() const {
    for (const Pipe& pipe : pipes_) pipe.write(1);
  }
  void join_all(umcg::Fiber<>& ender) {
    join_or_abort(rt_, ender);
    for (auto& reader : readers_) join_or_abort(rt_, reader);
  }

  std::vector<Pipe> pipes_{kServers};
  std::atomic<int> reading_{0};
  umcg::Runtime rt_{{.servers = kServers, .max_workers = 2 * kServers}};
  std::vector<umcg::Fiber<>> readers_;
};

TEST_P(AllBlocked, ATimerFires) {
  auto ender = rt_.spawn([this] {
    while (reading_ < kServers) umcg::this_fiber::sleep_for(50ms);
    umcg::this_fiber::sleep_for(50ms);
    end_readers();
  });
  join_all(ender);
}

TEST_P(AllBlocked, AnUnparkByAThreadIsServed) {
  umcg::Event go;
  auto ender = rt_.spawn([&] {
    go.wait();
    end_readers();
  });
  wait_for_readers();
  go.set();
  join_all(ender);
}

TEST_P(AllBlocked, ASpawnByAThreadIsServed) {
  wait_for_readers();
  auto ender = rt_.spawn([this] { end_readers(); });
  join_all(ender);
}

// The one that ends it has lost its server itself by then.
TEST_P(AllBlocked, AnUnparkByABlockedFiberIsServed) {
  umcg::Event go;
  const Pipe pipe;
  auto ender = rt_.spawn([&] {
    go.wait();
    end_readers();
  });
  auto waker = rt_.spawn([&] {
    EXPECT_EQ(pipe.read(), 2);
    go.set();
  });
  wait_for_readers();
  pipe.write(2);
  join_or_abort(rt_, waker);
  join_all(ender);
}

UMCG_INSTANTIATE_HANDOFFS(AllBlocked);

}  // namespace
