// SPDX-License-Identifier: Apache-2.0
// A fiber blocked in the kernel does not stop the others: hinted or raw.
#include "umcg/blocking.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "support/eventually.h"
#include "support/matrix.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using Blocking = umcg_test::MatrixTest;
using umcg_test::Pipe;

TEST_P(Blocking, ReturnsAndThrowsWhatTheFunctionDoes) {
  umcg::Runtime rt(options());
  const auto try_out = [] {
    int n = 0;
    EXPECT_EQ(umcg::blocking([] { return 5; }), 5);
    EXPECT_EQ(&umcg::blocking([&]() -> int& { return n; }), &n);
    EXPECT_EQ(*umcg::blocking_now([] { return std::make_unique<int>(6); }), 6);
    umcg::blocking([&] { n = 7; });
    EXPECT_EQ(n, 7);
    EXPECT_THROW(umcg::blocking([] { throw std::logic_error("x"); }), std::logic_error);
    EXPECT_THROW(umcg::blocking_now([] { throw std::logic_error("x"); }), std::logic_error);
  };
  try_out();  // a plain thread
  rt.run(try_out);
}

// Compilers keep errno's address over a call that may change the thread, hence the detour.
[[gnu::noinline]] int read_errno() {
  asm volatile("" ::: "memory");
  return errno;
}

TEST_P(Blocking, ErrnoIsTheFunctions) {
  umcg::Runtime rt(options());
  rt.run([] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(umcg::blocking([] { return ::close(-1); }), -1);
      EXPECT_EQ(read_errno(), EBADF);
      EXPECT_EQ(umcg::blocking_now([] { return ::close(-1); }), -1);
      EXPECT_EQ(read_errno(), EBADF);
    }
  });
}

// More readers than servers, and the bytes come from a fiber of the same runtime: with a server
// lost to each reader nothing would ever be written.
enum class Way { kHint, kHintNow, kRaw };

void readers_and_a_writer(umcg::Runtime& rt, Way way) {
  constexpr int kReaders = 12;
  std::vector<Pipe> pipes(kReaders);
  std::vector<umcg::Fiber<int>> readers;
  for (const Pipe& pipe : pipes) {
    readers.push_back(rt.spawn([&pipe, way] {
      if (way == Way::kHint) return umcg::blocking([&] { return pipe.read(); });
      if (way == Way::kHintNow) return umcg::blocking_now([&] { return pipe.read(); });
      return pipe.read();
    }));
  }
  auto writer = rt.spawn([&] {
    for (int i = 0; i < kReaders; ++i) {
      pipes[static_cast<std::size_t>(i)].write(static_cast<unsigned char>(i));
      umcg::this_fiber::yield();
    }
  });
  for (int i = 0; i < kReaders; ++i) EXPECT_EQ(readers[static_cast<std::size_t>(i)].join(), i);
  writer.join();
}

TEST_P(Blocking, Hint) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 20; ++i) readers_and_a_writer(rt, Way::kHint);
}

TEST_P(Blocking, HintNow) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 20; ++i) readers_and_a_writer(rt, Way::kHintNow);
}

TEST_P(Blocking, Raw) {
  umcg::Runtime rt(options());
  for (int i = 0; i < 20; ++i) readers_and_a_writer(rt, Way::kRaw);
}

// A std::mutex that one fiber holds while it blocks, and that another waits for in the kernel.
TEST_P(Blocking, RawContendedStdMutex) {
  umcg::Runtime rt(options());
  std::mutex mutex;
  int plain = 0;
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 8; ++i) {
    fibers.push_back(rt.spawn([&] {
      for (int k = 0; k < 20; ++k) {
        const std::lock_guard lock(mutex);
        ::usleep(100);
        ++plain;
      }
    }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(plain, 160);
}

TEST_P(Blocking, NothingIsLostWhenManyBlockAtOnce) {
  umcg::Runtime rt(options());
  const int total = umcg_test::scaled(2000);
  std::atomic<int> done{0};
  for (int i = 0; i < total; ++i) {
    rt.post([&, i] {
      const auto nap = [i] { ::usleep(static_cast<useconds_t>(i % 200)); };
      if (i % 3 == 0) {
        umcg::blocking(nap);
      } else if (i % 3 == 1) {
        umcg::blocking_now(nap);
      } else {
        nap();
      }
      umcg::this_fiber::yield();
      ++done;
    });
  }
  EXPECT_TRUE(rt.wait_idle(umcg_test::kLong));
  EXPECT_EQ(done, total);
}

UMCG_INSTANTIATE_MATRIX(Blocking);

}  // namespace
