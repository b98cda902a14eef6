// SPDX-License-Identifier: Apache-2.0
// Others' unwinders on fibers: a profiler's signal may come at any instruction, also in the middle
// of a switch.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/scheduler/scheduler.h"
#include "runtime/unwind/unwinder.h"
#include "support/sanitizers.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

struct Trace {
  static constexpr int kMost = 256;
  void* frames[kMost];
  int count = 0;
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* to) {
  auto& trace = *static_cast<Trace*>(to);
  if (trace.count == Trace::kMost) return _URC_END_OF_STACK;
  trace.frames[trace.count++] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}

// The function in which the walk ended.
void* walk(Trace& trace) {
  (void)_Unwind_Backtrace(note_frame, &trace);
  // A last frame of 0 is how libgcc says that it has come to the end.
  while (trace.count > 0 && trace.frames[trace.count - 1] == nullptr) --trace.count;
  if (trace.count == 0) return nullptr;
  return _Unwind_FindEnclosingFunction(static_cast<char*>(trace.frames[trace.count - 1]) - 1);
}

void* bottom() { return reinterpret_cast<void*>(&umcg::internal::fiber_loop); }

[[gnu::noinline]] int recurse(int n, const Trace& /*keeps the frame*/) {
  if (n == 0) {
    Trace trace;
    EXPECT_EQ(walk(trace), bottom());
    return trace.count;
  }
  const Trace large{};
  const int count = recurse(n - 1, large);
  asm volatile("" ::"r"(&large) : "memory");
  return count;
}

TEST(Unwinding, OfARunningFiberEndsAtItsBottom) {
  umcg::Runtime rt({.servers = 1});
  const int shallow = rt.run([] { return recurse(0, {}); });
  const int deep = rt.run([] { return recurse(20, {}); });
  EXPECT_GT(shallow, 2);
  EXPECT_EQ(deep - shallow, 20);
  // Again after a switch.
  rt.run([] {
    auto other = umcg::spawn([] { umcg::this_fiber::yield(); });
    umcg::this_fiber::yield();
    EXPECT_GT(recurse(0, {}), 2);
  });
}

std::atomic<int> g_traces{0};
std::atomic<int> g_to_the_bottom{0};
std::atomic<int> g_endless{0};

void on_profile(int) {
  Trace trace;
  void* const last = walk(trace);
  g_traces.fetch_add(1, std::memory_order_relaxed);
  if (last == bottom()) g_to_the_bottom.fetch_add(1, std::memory_order_relaxed);
  if (trace.count == Trace::kMost) g_endless.fetch_add(1, std::memory_order_relaxed);
}

// A handler takes longer than sending does: signals sent at once would all be handled at the same
// instruction. So each waits for the one before it, and for the fibers to have gone on.
TEST(Unwinding, BySignalsThatComeDuringSwitches) {
  constexpr int kEnough = 40;
  constexpr auto kPatience = std::chrono::seconds(3);
  struct sigaction action {};
  action.sa_handler = on_profile;
  action.sa_flags = SA_RESTART;
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGPROF, &action, &before), 0);
  std::atomic<pid_t> worker{0};
  std::atomic<int> rounds{0};
  std::atomic<bool> stop{false};
  {
    umcg::Runtime rt({.servers = 1});
    umcg::Semaphore ping(0);
    umcg::Semaphore pong(0);
    auto switcher = rt.spawn([&] {
      while (!stop) {
        worker = static_cast<pid_t>(::syscall(SYS_gettid));  // another one, if that was preempted
        ping.release();
        pong.acquire();
        umcg::spawn([] { umcg::this_fiber::yield(); }).join();
        ++rounds;
      }
      ping.release();
    });
    auto partner = rt.spawn([&] {
      while (!stop) {
        ping.acquire();
        pong.release();
      }
      pong.release();  // the other one may have begun a round before the stop
    });
    const auto await = [](const auto& done) {
      while (!done()) std::this_thread::yield();
    };
    await([&] { return worker != 0; });
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (int i = 0; i < umcg_test::scaled(20'000); ++i) {
      if (g_traces > kEnough && std::chrono::steady_clock::now() > until) break;
      const int traced = g_traces;
      // Again, if they have gone to another one meanwhile: ThreadSanitizer keeps a signal back from
      // a thread that sleeps.
      pid_t sent_to = 0;
      await([&] {
        if (const pid_t now = worker; std::exchange(sent_to, now) != now) {
          (void)::syscall(SYS_tgkill, ::getpid(), now, SIGPROF);
        }
        return g_traces > traced;
      });
      const int round = rounds;
      await([&] { return rounds != round; });
      for (int spin = 0; spin < i % 199; ++spin) asm volatile("");
    }
    stop = true;
  }
  ::sigaction(SIGPROF, &before, nullptr);
  EXPECT_EQ(g_endless, 0);
  // Most signals come where the unwinder knows its way; in the jump itself it does not.
  EXPECT_GT(g_to_the_bottom, g_traces / 4);
}

// What a frame of the tests leaves behind, as a call that has returned does.
void* g_return_address;
[[gnu::noinline]] void note_return_address() { g_return_address = __builtin_return_address(0); }
[[gnu::noinline]] void has_returned() {
  void* volatile frame[32] = {};
  note_return_address();
  asm volatile("" ::"r"(frame) : "memory");
}

// The walk from its caller, of whom it knows no more than /proc tells of a blocked thread.
[[gnu::noinline]] void walk_from_here(umcg::internal::Backtrace& result) {
  static umcg::internal::Unwinder unwinder;
  const auto frame = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
  const auto pc = reinterpret_cast<std::uint64_t>(__builtin_return_address(0));
  constexpr std::uint64_t kSavedPair = 16;
  const umcg::internal::StackRange stack{frame, frame + 65536, false};
  unwinder.walk(umcg::internal::Registers::only(pc, frame + kSavedPair), stack, result);
}

// Its frame is found by a register that is not known, and holds that address.
[[gnu::noinline]] void has_old_words(std::size_t size, umcg::internal::Backtrace& result) {
  auto* const words = static_cast<void* volatile*>(__builtin_alloca(size * sizeof(void*)));
  for (std::size_t i = 0; i < size; ++i) words[i] = i % 8 == 0 ? g_return_address : nullptr;
  walk_from_here(result);
  asm volatile("" ::"r"(words) : "memory");
}

[[gnu::noinline]] void calls_it(umcg::internal::Backtrace& result) {
  has_old_words(64, result);
  asm volatile("" ::: "memory");
}

TEST(Unwinding, GuessesPastWhatOldCallsLeftBehind) {
  has_returned();
  umcg::internal::Backtrace result;
  umcg::Runtime rt({.servers = 1});
  rt.run([&] { calls_it(result); });
  const auto function = [&](std::size_t i) {
    return _Unwind_FindEnclosingFunction(reinterpret_cast<void*>(result.frames[i].pc - 1));
  };
  ASSERT_GT(result.count, 2U);
  EXPECT_EQ(function(0), reinterpret_cast<void*>(&has_old_words));
  EXPECT_TRUE(result.frames[1].guessed);
  EXPECT_EQ(function(1), reinterpret_cast<void*>(&calls_it));
  EXPECT_EQ(function(result.count - 1), bottom());
}

}  // namespace
