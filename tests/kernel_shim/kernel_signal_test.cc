// SPDX-License-Identifier: Apache-2.0
// kernel_signal_test.cc - signals against wait: no wake-up is lost, none is made up.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "kernel_shim/task.h"
#include "support/eventually.h"
#include "test_util.h"

namespace {

namespace shim = umcg::internal::shim;
using umcg_test::Registered;

std::atomic<long> g_handled{0};

// Installs a handler for SIGUSR1 over a scope.
class Handler {
 public:
  explicit Handler(
      int flags, void (*f)(int) = [](int) { ++g_handled; }) {
    struct sigaction action = {};
    action.sa_handler = f;
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, &saved_);
    g_handled = 0;
  }
  ~Handler() { sigaction(SIGUSR1, &saved_, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

 private:
  struct sigaction saved_;
};

// What the other threads know of the waiter.
struct Waiter {
  std::atomic<umcg_tid> tid{0};
  std::atomic<pid_t> thread{0};
  void publish(umcg_tid name) {
    thread = static_cast<pid_t>(syscall(SYS_gettid));
    tid = name;
  }
  void await() const {
    while (tid == 0) std::this_thread::yield();
    ASSERT_TRUE(umcg_test::await_state(tid, UMCG_TASK_RUNNABLE));
  }
  void signal() const { syscall(SYS_tgkill, getpid(), thread.load(), SIGUSR1); }
};

TEST(KernelSignal, InterruptedWaitCanBeRepeated) {
  Handler handler(0);
  Waiter waiter;
  std::atomic<bool> interrupted{false};
  std::thread thread([&] {
    Registered self;
    waiter.publish(self.tid());
    EXPECT_EQ(umcg_wait(0, nullptr), -EINTR);
    // One signal more may be on its way; it is not to end the second wait.
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
    interrupted = true;
    uint32_t state = 0;
    EXPECT_EQ(umcg_get_task_state(self.tid(), &state), 0);
    EXPECT_EQ(state, UMCG_TASK_RUNNING);
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
  });
  waiter.await();
  while (!interrupted) {  // a signal that comes just before it sleeps does not end its wait
    waiter.signal();
    usleep(1000);
  }
  EXPECT_EQ(umcg_wake(0, waiter.tid), 0);
  thread.join();
  EXPECT_GT(g_handled.load(), 0);
}

// Deadlines are absolute: however often a wait is interrupted and repeated, its end stays where it
// was.
TEST(KernelSignal, DeadlineSurvivesSignals) {
  Handler handler(0);
  Waiter waiter;
  std::atomic<bool> done{false};
  std::thread thread([&] {
    Registered self;
    waiter.publish(self.tid());
    // Again if all signals came before or after the wait.
    for (int interrupted = 0; interrupted == 0;) {
      const std::int64_t end = umcg_test::now_ns() + 20'000'000;
      const timespec deadline = umcg_test::to_timespec(end);
      int result;
      while ((result = umcg_wait(0, &deadline)) == -EINTR) ++interrupted;
      EXPECT_EQ(result, -ETIMEDOUT);
      EXPECT_GE(umcg_test::now_ns(), end);
    }
    done = true;
  });
  while (waiter.tid == 0) std::this_thread::yield();
  while (!done) {
    waiter.signal();
    usleep(500);
  }
  thread.join();
  EXPECT_GT(g_handled.load(), 0);
}

// The runtime's form does not return for a signal.
TEST(KernelSignal, UninterruptibleWaitGoesOn) {
  Handler handler(0);
  Waiter waiter;
  std::thread thread([&] {
    shim::Task* self = shim::acquire_task();
    waiter.publish(shim::tid_of(*self));
    EXPECT_EQ(shim::wait(*self, umcg_test::now_ns() + umcg_test::kPatienceNs), 0);
    EXPECT_GE(g_handled.load(), 3);
    shim::release_task(self);
  });
  waiter.await();
  while (g_handled < 3) {
    waiter.signal();
    usleep(1000);
  }
  EXPECT_EQ(umcg_wake(0, waiter.tid), 0);
  thread.join();
}

// The handler itself wakes the waiter that it interrupts: the wake-up wins over -EINTR.
TEST(KernelSignal, WakeFromTheHandlerWins) {
  static std::atomic<umcg_tid> target;
  static std::atomic<int> result;
  result = 1;
  Handler handler(0, [](int) {
    result = umcg_wake(0, target);
    ++g_handled;
  });
  Waiter waiter;
  std::thread thread([&] {
    Registered self;
    target = self.tid();
    waiter.publish(self.tid());
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
  });
  waiter.await();
  waiter.signal();
  thread.join();
  EXPECT_EQ(g_handled, 1);
  EXPECT_EQ(result, 0);
}

TEST(KernelSignal, HandlerInAWaitCannotWait) {
  static std::atomic<int> result;
  result = 1;
  Handler handler(0, [](int) {
    result = umcg_wait(0, nullptr);
    ++g_handled;
  });
  Waiter waiter;
  std::thread thread([&] {
    Registered self;
    waiter.publish(self.tid());
    while (umcg_wait(0, nullptr) == -EINTR) {
    }
  });
  waiter.await();
  waiter.signal();
  while (g_handled == 0) usleep(100);
  EXPECT_EQ(result, -EINVAL);
  EXPECT_EQ(umcg_wake(0, waiter.tid), 0);
  thread.join();
}

// A storm of signals over a stream of wake-ups: as many waits return 0 as wake-ups were accepted.
TEST(KernelSignal, StormLosesNoWakeUp) {
  constexpr long kWakeUps = 20'000;
  Handler handler(0);
  Waiter waiter;
  std::atomic<bool> done{false};
  std::atomic<long> interrupted{0};

  std::thread thread([&] {
    Registered self;
    waiter.publish(self.tid());
    const timespec patience = umcg_test::to_timespec(umcg_test::now_ns() + umcg_test::kPatienceNs);
    for (long woken = 0; woken < kWakeUps;) {
      const int result = umcg_wait(0, &patience);
      ASSERT_NE(result, -ETIMEDOUT) << "after " << woken;
      woken += result == 0;
      interrupted += result == -EINTR;
    }
    done = true;
    const timespec past = {.tv_sec = 0, .tv_nsec = 0};
    EXPECT_NE(umcg_wait(0, &past), 0) << "one too many";
  });
  while (waiter.tid == 0) std::this_thread::yield();
  std::thread storm([&] {
    umcg_test::Random random(1);
    while (!done) {
      waiter.signal();
      random.delay();
    }
  });
  umcg_test::Random random(2);
  for (long accepted = 0; accepted < kWakeUps && !done;) {
    accepted += umcg_wake(0, waiter.tid) == 0;
    random.delay();
    // The storm may be held up for as long as all wake-ups take.
    if (accepted == kWakeUps / 2) {
      EXPECT_TRUE(umcg_test::eventually([&] { return interrupted > 0 || done; }));
    }
  }
  thread.join();
  storm.join();
}

}  // namespace
