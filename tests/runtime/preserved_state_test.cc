// SPDX-License-Identifier: Apache-2.0
// What belongs to a fiber and not to the thread under it: errno, exceptions in flight, the
// floating-point environment, the registers that a callee preserves.
#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/matrix.h"
#include "support/opaque_errno.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

#if defined(__x86_64__)
// Calls f with value + 1 to value + 6 in rbx, rbp, r12 to r15. Returns how many of them are
// changed.
extern "C" int umcg_test_changed_registers(void (*f)(), std::uint64_t value);
asm(R"(
  .text
  .type umcg_test_changed_registers, @function
umcg_test_changed_registers:
  .cfi_startproc
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbx, 0
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbp, 0
  pushq %r12
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r12, 0
  pushq %r13
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r13, 0
  pushq %r14
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r14, 0
  pushq %r15
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r15, 0
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  leaq 1(%rsi), %rbx
  leaq 2(%rsi), %rbp
  leaq 3(%rsi), %r12
  leaq 4(%rsi), %r13
  leaq 5(%rsi), %r14
  leaq 6(%rsi), %r15
  callq *%rdi
  popq %rsi
  .cfi_adjust_cfa_offset -8
  xorl %eax, %eax
  xorl %ecx, %ecx
  subq %rsi, %rbx
  cmpq $1, %rbx
  setne %cl
  addl %ecx, %eax
  subq %rsi, %rbp
  cmpq $2, %rbp
  setne %cl
  addl %ecx, %eax
  subq %rsi, %r12
  cmpq $3, %r12
  setne %cl
  addl %ecx, %eax
  subq %rsi, %r13
  cmpq $4, %r13
  setne %cl
  addl %ecx, %eax
  subq %rsi, %r14
  cmpq $5, %r14
  setne %cl
  addl %ecx, %eax
  subq %rsi, %r15
  cmpq $6, %r15
  setne %cl
  addl %ecx, %eax
  popq %r15
  .cfi_adjust_cfa_offset -8
  popq %r14
  .cfi_adjust_cfa_offset -8
  popq %r13
  .cfi_adjust_cfa_offset -8
  popq %r12
  .cfi_adjust_cfa_offset -8
  popq %rbp
  .cfi_adjust_cfa_offset -8
  popq %rbx
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
  .size umcg_test_changed_registers, .-umcg_test_changed_registers
)");
#endif

namespace {

using namespace std::chrono_literals;
using PreservedState = umcg_test::MatrixTest;
using umcg_test::read_errno;
using umcg_test::write_errno;

// Every way to switch, many times over, with `same` checked after each.
template <class Check>
void switch_about(Check same) {
  umcg::Mutex mutex;
  for (int i = 0; i < 50; ++i) {
    umcg::this_fiber::yield();
    same("yield");
    umcg::this_fiber::sleep_for(10us);
    same("sleep");
    umcg::Event event;
    auto setter = umcg::spawn([&] { event.set(); });
    event.wait();
    same("wait");
    setter.join();
    same("join");
    mutex.lock();
    same("lock");
    mutex.unlock();
    same("unlock");
    umcg::blocking([] {});
    same("blocking");
    umcg::blocking_now([] {});
    same("blocking_now");
  }
}

template <class Body>
void on_several_fibers(umcg::Runtime& rt, Body body) {
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 1; i <= 8; ++i) fibers.push_back(rt.spawn([=] { body(i); }));
  for (auto& f : fibers) f.join();
}

TEST_P(PreservedState, Errno) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    write_errno(i);
    switch_about([i](const char* after) { ASSERT_EQ(read_errno(), i) << after; });
  });
}

TEST_P(PreservedState, ExceptionBeingHandled) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    try {
      throw i;
    } catch (int caught) {
      switch_about([&](const char* after) {
        ASSERT_EQ(caught, i) << after;
        ASSERT_EQ(std::uncaught_exceptions(), 0) << after;
        ASSERT_TRUE(std::current_exception() != nullptr) << after;
      });
      try {
        throw;  // finds the exception in this fiber's list, wherever it runs now
      } catch (int again) {
        EXPECT_EQ(again, i);
      }
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

TEST_P(PreservedState, NestedHandlers) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    const std::string outer_text = "outer" + std::to_string(i);
    try {
      throw std::runtime_error(outer_text);
    } catch (const std::runtime_error& outer) {
      for (int k = 0; k < 50; ++k) {
        try {
          umcg::this_fiber::yield();
          throw std::logic_error("inner");
        } catch (const std::logic_error& inner) {
          umcg::this_fiber::yield();
          ASSERT_STREQ(inner.what(), "inner");
        }
        ASSERT_EQ(outer.what(), outer_text);
      }
      umcg::this_fiber::yield();
      EXPECT_THROW(throw, std::runtime_error);
    }
  });
}

// Switches while the stack is being unwound.
struct YieldsWhenDestroyed {
  int wanted;
  ~YieldsWhenDestroyed() {
    for (int i = 0; i < 20; ++i) {
      umcg::this_fiber::yield();
      EXPECT_EQ(std::uncaught_exceptions(), wanted);
    }
  }
};

TEST_P(PreservedState, UncaughtExceptionsDuringUnwinding) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    try {
      const YieldsWhenDestroyed guard{i % 2};
      if (i % 2 == 1) throw std::runtime_error("unwinding");
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "unwinding");
    }
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST_P(PreservedState, ANewFiberHasNoException) {
  umcg::Runtime rt(options());
  rt.run([] {
    try {
      throw 1;
    } catch (int) {
      umcg::spawn([] {
        EXPECT_EQ(std::current_exception(), nullptr);
        EXPECT_EQ(std::uncaught_exceptions(), 0);
      }).join();
    }
  });
}

TEST_P(PreservedState, RoundingModeIsTheFibersOwn) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    static constexpr int kModes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const int mode = kModes[i % 4];
    ASSERT_EQ(std::fesetround(mode), 0);
    switch_about([mode](const char* after) { ASSERT_EQ(std::fegetround(), mode) << after; });
    // It ends with the mode changed: the next one on this stack and thread must not see it.
  });
  for (int i = 0; i < umcg_test::scaled(500); ++i) {
    ASSERT_EQ(rt.spawn([] { return std::fegetround(); }).join(), FE_TONEAREST);
  }
}

TEST_P(PreservedState, ANewFiberRoundsToNearestWhateverItsParentDoes) {
  umcg::Runtime rt(options());
  rt.run([] {
    std::fesetround(FE_UPWARD);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(umcg::spawn([] { return std::fegetround(); }).join(), FE_TONEAREST);
      EXPECT_EQ(std::fegetround(), FE_UPWARD);
    }
  });
}

#if defined(__x86_64__)
TEST_P(PreservedState, CalleeSavedRegisters) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    for (int n = 0; n < 200; ++n) {
      const auto yield = [] { umcg::this_fiber::yield(); };
      const auto sleep = [] { umcg::this_fiber::sleep_for(1us); };
      const auto value = static_cast<std::uint64_t>(i) << 32;
      ASSERT_EQ(umcg_test_changed_registers(n % 8 == 0 ? +sleep : +yield, value), 0);
    }
  });
}

// Two control words: the modes of SSE and of x87 must both be kept.
TEST_P(PreservedState, SseAndX87Round) {
  umcg::Runtime rt(options());
  on_several_fibers(rt, [](int i) {
    const bool up = i % 2 == 0;
    std::fesetround(up ? FE_UPWARD : FE_DOWNWARD);
    switch_about([up](const char* after) {
      volatile double one = 1;
      volatile double three = 3;
      volatile long double long_one = 1;
      volatile long double long_three = 3;
      // The nearest double is below a third, the nearest long double above.
      ASSERT_EQ(one / three > 0.333333333333333333333, up) << after;
      ASSERT_EQ(long_one / long_three >= 0.333333333333333333333L, up) << after;
    });
  });
}
#endif

UMCG_INSTANTIATE_MATRIX(PreservedState);

}  // namespace
