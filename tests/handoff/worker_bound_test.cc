// SPDX-License-Identifier: Apache-2.0
// More fibers blocked than max_workers allows, and what ends them is queued behind: the bound must
// give way.
#include <gtest/gtest.h>

#include <vector>

#include "handoff/blocked_call.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using umcg_test::Pipe;

class WorkerBound : public umcg_test::HandoffTest {
 protected:
  static void readers_then_writer(int servers, int max_workers, int readers) {
    umcg::Runtime rt({.servers = servers, .max_workers = max_workers});
    const std::vector<Pipe> pipes(static_cast<std::size_t>(readers));
    umcg::Semaphore about_to_read(0);
    auto all = rt.spawn([&] {
      std::vector<umcg::Fiber<>> fibers;
      for (const Pipe& pipe : pipes) {
        fibers.push_back(umcg::spawn([&] {
          about_to_read.release();
          EXPECT_EQ(pipe.read(), 1);
        }));
      }
      for (int i = 0; i < readers; ++i) about_to_read.acquire();
      for (const Pipe& pipe : pipes) pipe.write(1);
      for (auto& f : fibers) f.join();
    });
    umcg_test::join_or_abort(rt, all);
    EXPECT_LE(rt.stats().workers_peak, static_cast<unsigned>(readers + servers + 1));
  }
};

TEST_P(WorkerBound, OneServerTwoWorkersEightReaders) { readers_then_writer(1, 2, 8); }
TEST_P(WorkerBound, OneServerOneWorker) { readers_then_writer(1, 1, 1); }
TEST_P(WorkerBound, TwoServersTwoWorkers) { readers_then_writer(2, 2, 4); }
// The third worker is the spare of one server; the one with the queued fiber may be the other.
TEST_P(WorkerBound, TwoServersThreeWorkersTwoReaders) { readers_then_writer(2, 3, 2); }

// The first worker makes a spare as soon as it begins, which may be before the runtime has gone on.
TEST_P(WorkerBound, NoSpareTakesTheRoomOfAServersWorker) {
  for (int i = 0; i < umcg_test::scaled(200); ++i) {
    umcg::Runtime rt({.servers = 8, .max_workers = 8});
    EXPECT_EQ(rt.run([i] { return i; }), i);
    EXPECT_GE(rt.stats().workers, 8U);
  }
}

// Nobody looks whether a worker blocks; what says so by itself must be served all the same.
TEST(WorkerBoundWithoutHandOff, HintsAndPinsPassTheServerOn) {
  for (const bool pinned : {false, true}) {
    umcg::Runtime rt({.servers = 1, .max_workers = 1, .handoff = umcg::Handoff::kOff});
    const Pipe pipe;
    umcg::Event go;
    auto first = rt.spawn([&] {
      umcg::spawn([&] {
        pipe.write(1);
        go.set();
      }).detach();
      if (pinned) {
        const umcg::this_fiber::ThreadPin pin;
        go.wait();
      } else {
        umcg::blocking_now([&] { EXPECT_EQ(pipe.read(), 1); });
      }
    });
    umcg_test::join_or_abort(rt, first);
  }
}

UMCG_INSTANTIATE_HANDOFFS(WorkerBound);

}  // namespace
