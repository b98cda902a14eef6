// SPDX-License-Identifier: Apache-2.0
// A signal with a handler comes while a fiber is blocked in the kernel: the call ends, or starts
// again, as it would on a plain thread.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "handoff/blocked_call.h"
#include "support/eventually.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Pipe;

std::atomic<int> g_handled{0};
std::atomic<pid_t> g_handled_on{0};

// A handler for SIGUSR1, for a while.
class Handler {
 public:
  explicit Handler(int flags) {
    g_handled = 0;
    struct sigaction action {};
    action.sa_flags = flags;
    action.sa_handler = [](int) {
      g_handled_on = ::gettid();
      ++g_handled;
    };
    EXPECT_EQ(::sigaction(SIGUSR1, &action, &before_), 0);
  }
  ~Handler() { ::sigaction(SIGUSR1, &before_, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

 private:
  struct sigaction before_ {};
};

// A thread that reads, and what comes of it. Compilers may keep the address of errno over a call
// after which a fiber is elsewhere; a raw read is none.
struct Reader {
  void read() {
    thread = ::gettid();
    got = pipe.read();
    error = got < 0 ? errno : 0;
    over = true;
  }
  void interrupt() const { ::tgkill(::getpid(), thread, SIGUSR1); }

  const Pipe pipe;
  std::atomic<pid_t> thread{0};
  std::atomic<bool> over{false};
  int got = 0;
  int error = 0;
};

// Until it works: a signal could come just before the read begins.
void interrupt_until_over(Reader& reader) {
  while (!reader.over) {
    if (reader.thread != 0) reader.interrupt();
    umcg::this_fiber::sleep_for(1ms);
  }
}

void expect_interrupted(const Reader& reader) {
  EXPECT_EQ(reader.got, -1);
  EXPECT_EQ(reader.error, EINTR);
  EXPECT_EQ(g_handled_on, reader.thread);
}

// Three signals, each handled before the next; then the byte.
void interrupt_in_vain(Reader& reader) {
  ASSERT_TRUE(umcg_test::eventually([&] { return reader.thread != 0; }));
  for (int i = 1; i <= 3; ++i) {
    umcg::this_fiber::sleep_for(5ms);
    reader.interrupt();
    // ThreadSanitizer keeps a signal back until the thread makes its next call.
    if (!umcg_test::kTsan) {
      ASSERT_TRUE(umcg_test::eventually([&] { return g_handled == i; }));
    }
  }
  EXPECT_FALSE(reader.over);
  reader.pipe.write(9);
}

void expect_restarted(const Reader& reader) {
  EXPECT_EQ(reader.got, 9);
  EXPECT_TRUE(reader.over);
}

using BlockedSignal = umcg_test::BlockedCall;

TEST_P(BlockedSignal, WithoutRestartTheCallIsInterrupted) {
  const Handler handler(0);
  Reader reader;
  run([&] { reader.read(); }, [&] { interrupt_until_over(reader); });
  if (GetParam() != "off") expect_interrupted(reader);
}

TEST_P(BlockedSignal, WithRestartTheCallGoesOn) {
  const Handler handler(SA_RESTART);
  Reader reader;
  run([&] { reader.read(); }, [&] { interrupt_in_vain(reader); });
  if (GetParam() != "off") expect_restarted(reader);
}

// Whoever made its thread: that of the one that made the runtime.
using SignalMask = umcg_test::HandoffTest;

TEST_P(SignalMask, OfEachWorkerIsTheMakers) {
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &usr2, &before);
  constexpr int kBlocked = 20;  // each takes a worker, so that more must be made
  umcg::Runtime rt({.servers = 1});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const Pipe pipe;
  std::atomic<int> as_wanted{0};
  auto all = rt.spawn([&] {
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < kBlocked; ++i) {
      fibers.push_back(umcg::spawn([&] {
        sigset_t mine;
        pthread_sigmask(SIG_SETMASK, nullptr, &mine);
        if (sigismember(&mine, SIGUSR2) == 1 && sigismember(&mine, SIGUSR1) == 0) ++as_wanted;
        EXPECT_EQ(pipe.read(), 1);
      }));
    }
    for (int i = 0; i < kBlocked; ++i) {
      umcg::this_fiber::sleep_for(1ms);
      pipe.write(1);
    }
    for (auto& f : fibers) f.join();
  });
  umcg_test::join_or_abort(rt, all);
  EXPECT_EQ(as_wanted, kBlocked);
}

UMCG_INSTANTIATE_HANDOFFS(SignalMask);

// A plain thread, for comparison.
TEST(BlockedSignalOnAThread, IsTheSame) {
  {
    const Handler handler(0);
    Reader reader;
    std::thread thread([&] { reader.read(); });
    interrupt_until_over(reader);
    thread.join();
    expect_interrupted(reader);
  }
  {
    const Handler handler(SA_RESTART);
    Reader reader;
    std::thread thread([&] { reader.read(); });
    interrupt_in_vain(reader);
    thread.join();
    expect_restarted(reader);
  }
}

UMCG_INSTANTIATE_HANDOFFS_AND_OFF(BlockedSignal);

}  // namespace
