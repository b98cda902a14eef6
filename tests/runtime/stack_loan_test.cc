// SPDX-License-Identifier: Apache-2.0
// A fiber that joins a new one lends it its stack. Nobody may notice, whatever the two do.
#include <gtest/gtest.h>

#include <cfenv>
#include <cstddef>
#include <exception>
#include <stdexcept>

#include "support/matrix.h"
#include "support/opaque_errno.h"
#include "umcg/event.h"
#include "umcg/fiber.h"
#include "umcg/fiber_local.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using StackLoan = umcg_test::MatrixTest;
using umcg_test::read_errno;
using umcg_test::write_errno;

TEST_P(StackLoan, EachFiberKeepsWhatIsItsOwn) {
  umcg::Runtime rt(options());
  rt.run([] {
    umcg::FiberLocal<int> local;
    for (int i = 0; i < 200; ++i) {
      const umcg::FiberId joiner = umcg::this_fiber::get_id();
      *local = 7;
      write_errno(7);
      std::fesetround(FE_UPWARD);
      try {
        throw std::runtime_error("the joiner's");
      } catch (const std::exception&) {
        umcg::spawn([&] {
          EXPECT_NE(umcg::this_fiber::get_id(), joiner);
          EXPECT_EQ(*local, 0);
          EXPECT_EQ(std::fegetround(), FE_TONEAREST);
          EXPECT_EQ(std::uncaught_exceptions(), 0);
          EXPECT_FALSE(std::current_exception());
          *local = 8;
          write_errno(8);
          std::fesetround(FE_DOWNWARD);
          if (i % 2 == 0) umcg::this_fiber::yield();
          EXPECT_EQ(*local, 8);
          EXPECT_EQ(read_errno(), 8);
          EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
        }).join();
        EXPECT_TRUE(std::current_exception());
      }
      EXPECT_EQ(umcg::this_fiber::get_id(), joiner);
      EXPECT_EQ(*local, 7);
      EXPECT_EQ(read_errno(), 7);
      EXPECT_EQ(std::fegetround(), FE_UPWARD);
      std::fesetround(FE_TONEAREST);
    }
  });
}

TEST_P(StackLoan, TheBorrowerWaitsSleepsAndBlocks) {
  umcg::Runtime rt(options());
  rt.run([] {
    umcg::Mutex mutex;
    int sum = 0;
    for (int i = 0; i < 100; ++i) {
      umcg::Event event;
      auto setter = umcg::spawn([&] { event.set(); });
      umcg::spawn([&] {
        event.wait();
        umcg::this_fiber::sleep_for(10us);
        umcg::this_fiber::ThreadPin pin;
        umcg::this_fiber::sleep_for(10us);
        mutex.lock();
        ++sum;
        mutex.unlock();
      }).join();
      setter.join();
    }
    EXPECT_EQ(sum, 100);
  });
}

TEST_P(StackLoan, ExceptionsArriveAtTheJoiner) {
  umcg::Runtime rt(options());
  rt.run([] {
    for (int i = 0; i < 100; ++i) {
      auto child = umcg::spawn([]() -> int { throw std::runtime_error("the borrower's"); });
      EXPECT_THROW(child.join(), std::runtime_error);
    }
  });
}

TEST_P(StackLoan, AStopReachesTheBorrower) {
  umcg::Runtime rt(options());
  rt.run([] {
    for (int i = 0; i < 50; ++i) {
      bool stopped = false;
      {
        auto child = umcg::spawn([&](std::stop_token stop) {
          umcg::Event never;
          stopped = never.wait(stop, umcg::Deadline()) == umcg::WaitStatus::kStopped;
        });
      }
      EXPECT_TRUE(stopped);
    }
  });
}

// What is in use of a stack when it is lent is not missing from the borrower's.
std::size_t use(std::size_t bytes) {
  volatile char block[4096];
  for (std::size_t i = 0; i < sizeof block; i += 64) block[i] = static_cast<char>(bytes);
  if (bytes <= 8192) return static_cast<std::size_t>(block[64]);
  return use(bytes - sizeof block) + static_cast<std::size_t>(block[0]);
}

void nest(int depth, std::size_t bytes) {
  if (depth == 0) return;
  volatile char mine[2048];
  mine[2047] = 1;
  umcg::spawn([=] {
    (void)use(bytes);
    nest(depth - 1, bytes);
  }).join();
  (void)mine[2047];
}

TEST_P(StackLoan, NobodyGetsLessThanWasPromised) {
  constexpr std::size_t kPromised = 128 * 1024;
  umcg::RuntimeOptions with_size = options();
  with_size.stack_size = kPromised;
  umcg::Runtime rt(with_size);
  // Half of it, since sanitizers make frames larger.
  rt.run([] { nest(200, kPromised / 2); });
}

UMCG_INSTANTIATE_MATRIX(StackLoan);

}  // namespace
