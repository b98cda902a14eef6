// SPDX-License-Identifier: Apache-2.0
// Stacks: as large as asked for, guarded below, used again.
#include <alloca.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstddef>
#include <vector>

#include "support/death.h"
#include "support/matrix.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using Stack = umcg_test::MatrixTest;

[[gnu::noinline]] const char* here() {
  return static_cast<const char*>(__builtin_frame_address(0));
}

// Uses about `bytes` of stack and yields at the far end. Sanitizers pad frames and move arrays
// elsewhere, so it measures.
[[gnu::noinline]] std::size_t dig(const char* top, std::size_t bytes) {
  char frame[1024];
  asm volatile("" ::"r"(frame) : "memory");  // the compiler must believe that it is used
  const auto depth = static_cast<std::size_t>(top - here());
  if (depth >= bytes) {
    umcg::this_fiber::yield();
    return depth;
  }
  const std::size_t reached = dig(top, bytes);
  asm volatile("" ::"r"(frame) : "memory");  // no tail call
  return reached;
}

void use_most_of(umcg::Runtime& rt, std::size_t stack_size, umcg::SpawnOptions options) {
  const std::size_t wanted = stack_size / 10 * 8;
  auto f = rt.spawn(options, [wanted] { return dig(here(), wanted); });
  EXPECT_GE(f.join(), wanted);
}

TEST_P(Stack, SizesOfOneFiber) {
  umcg::Runtime rt(options());
  for (std::size_t size : {64U << 10, 256U << 10, 1U << 20, 8U << 20}) {
    use_most_of(rt, size, {.stack_size = size});
  }
}

TEST_P(Stack, SizeOfTheRuntime) {
  for (std::size_t size : {64U << 10, 256U << 10, 8U << 20}) {
    umcg::RuntimeOptions with_size = options();
    with_size.stack_size = size;
    umcg::Runtime rt(with_size);
    for (int i = 0; i < 5; ++i) use_most_of(rt, size, {});
  }
}

TEST_P(Stack, SizesMixed) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<std::size_t>> fibers;
  const std::size_t sizes[] = {32U << 10, 64U << 10, 256U << 10, 2U << 20};
  for (std::size_t i = 0; i < 40; ++i) {
    const std::size_t wanted = sizes[i % 4] / 2;
    fibers.push_back(
        rt.spawn({.stack_size = sizes[i % 4]}, [wanted] { return dig(here(), wanted); }));
  }
  for (std::size_t i = 0; i < 40; ++i) EXPECT_GE(fibers[i].join(), sizes[i % 4] / 2);
}

TEST_P(Stack, ContentsSurviveSwitches) {
  umcg::Runtime rt(options());
  std::vector<umcg::Fiber<bool>> fibers;
  for (int i = 0; i < 64; ++i) {
    fibers.push_back(rt.spawn([i] {
      volatile unsigned char mine[20'000];
      for (std::size_t k = 0; k < sizeof mine; ++k) mine[k] = static_cast<unsigned char>(i + k);
      for (int k = 0; k < 10; ++k) umcg::this_fiber::yield();
      for (std::size_t k = 0; k < sizeof mine; ++k) {
        if (mine[k] != static_cast<unsigned char>(i + k)) return false;
      }
      return true;
    }));
  }
  for (auto& f : fibers) EXPECT_TRUE(f.join());
}

UMCG_INSTANTIATE_MATRIX(Stack);

class StackDeathTest : public umcg_test::DeathTest {};

[[gnu::noinline]] int fall(volatile int* above) {
  volatile int frame[64];
  frame[0] = *above + 1;
  const int result = frame[0] < 100'000'000 ? fall(frame) : 0;
  return result + frame[0];
}

// A sanitizer's own handler may speak first, but then it says "stack-overflow".
TEST_F(StackDeathTest, OverflowNamesTheFiber) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        auto f = rt.spawn({.name = "bottomless"}, [] {
          volatile int start = 0;
          fall(&start);
        });
        f.join();
      },
      umcg_test::kSanitized ? "stack.overflow" : "bottomless.*stack overflow");
}

TEST_F(StackDeathTest, OverflowOfALaterFiberOfAFiber) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        rt.run([] {
          for (int i = 0; i < 10; ++i) umcg::spawn([] {}).join();
          umcg::spawn({.name = "eleventh"}, [] {
            umcg::this_fiber::yield();
            volatile int start = 0;
            fall(&start);
          }).join();
        });
      },
      umcg_test::kSanitized ? "stack.overflow" : "eleventh.*stack overflow");
}

// Of each size, not the first stack of its slab.
TEST_F(StackDeathTest, EachSizeIsGuarded) {
  for (std::size_t size = 16U << 10; size <= 1U << 20; size *= 2) {
    EXPECT_DEATH(
        {
          umcg::Runtime rt({.servers = 1, .stack_size = size});
          rt.run([] {
            auto first = umcg::spawn([] { umcg::this_fiber::yield(); });
            umcg::spawn({.name = "second"}, [] {
              volatile int start = 0;
              fall(&start);
            }).join();
          });
        },
        umcg_test::kSanitized ? "stack.overflow" : "second.*stack overflow")
        << size;
  }
}

// alloca() may jump over one page; the guard is wider.
TEST_F(StackDeathTest, AllocaDoesNotJumpTheGuard) {
  if (umcg_test::kSanitized) GTEST_SKIP() << "a sanitizer moves or checks alloca itself";
  EXPECT_DEATH(
      {
        umcg::Runtime rt({.stack_size = 256 * 1024});
        auto f = rt.spawn({.name = "jumper"}, [] {
          const std::size_t bytes = 256 * 1024 + 40 * 1024;
          auto* low = static_cast<volatile char*>(alloca(bytes));
          low[0] = 1;
        });
        f.join();
      },
      "jumper.*stack overflow");
}

// A signal that was sent has no instruction that would fault again.
TEST_F(StackDeathTest, SentFaultsStayWhatTheyAre) {
  if (umcg_test::kSanitized) GTEST_SKIP() << "a sanitizer has handlers of its own";
  for (const int signal : {SIGSEGV, SIGBUS}) {
    EXPECT_EXIT(
        {
          umcg::Runtime rt;
          rt.run([signal] { std::raise(signal); });
        },
        ::testing::KilledBySignal(signal), "");
  }
}

TEST_F(StackDeathTest, OtherCrashesStayWhatTheyAre) {
  EXPECT_EXIT(
      {
        umcg::Runtime rt;
        rt.run([] {
          auto* nowhere = reinterpret_cast<volatile int*>(16);
          *nowhere = 1;
        });
      },
      [](int status) {
        return umcg_test::kSanitized ? status != 0
                                     : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
      },
      "");
}

}  // namespace
