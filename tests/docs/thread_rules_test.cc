// SPDX-License-Identifier: Apache-2.0
// The examples of docs/thread-identity.md: what a fiber may expect of its thread's state. The names
// of the tests are those in the table there.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "support/sanitizers.h"
#include "umcg/blocking.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;

// [accessor] A compiler keeps the address of a thread's variable over a call that may change the
// thread. It cannot if it must call a function for it that it knows nothing about.
#if defined(__clang__)
#define OPAQUE [[gnu::noinline]]
#else
#define OPAQUE [[gnu::noipa]]
#endif
OPAQUE int& errno_of_this_thread() {
  asm volatile("" ::: "memory");
  return errno;
}

thread_local int t_counter = 0;
OPAQUE int& counter_of_this_thread() {
  asm volatile("" ::: "memory");
  return t_counter;
}

OPAQUE std::thread::id this_thread_id() {
  asm volatile("" ::: "memory");
  return std::this_thread::get_id();
}

// Suspends the calling fiber until it comes back on another thread.
OPAQUE void change_thread() {
  const pid_t before = ::gettid();
  do {
    umcg::blocking_now([] { ::usleep(20); });
  } while (::gettid() == before);
}

// Runs `body` on a few fibers at once, which change threads often.
template <class Body>
void on_fibers(Body body, const umcg::SpawnOptions& options = {}) {
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kChaos});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 4; ++i) fibers.push_back(rt.spawn(options, body));
  for (auto& f : fibers) f.join();
}

// Runs `body` where all fibers share one thread: one server, which is never handed over.
template <class Body>
void on_one_thread(Body body) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run(body);
}

// ---- Safe

TEST(ThreadRules, FiberId) {
  on_fibers([] {
    const umcg::FiberId mine = umcg::this_fiber::get_id();
    change_thread();
    EXPECT_EQ(umcg::this_fiber::get_id(), mine);
  });
}

TEST(ThreadRules, ExceptionInFlight) {
  on_fibers([] {
    try {
      throw std::runtime_error("mine");
    } catch (...) {
      change_thread();
      try {
        throw;
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "mine");
      }
    }
  });
}

TEST(ThreadRules, RoundingMode) {
  on_fibers([] {
    std::fesetround(FE_DOWNWARD);
    change_thread();
    EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
  });
}

TEST(ThreadRules, MutexWithoutSuspension) {
  std::mutex mutex;
  int plain = 0;
  on_fibers([&] {
    for (int i = 0; i < 20; ++i) {
      const std::lock_guard lock(mutex);
      ::usleep(20);  // blocks the thread, does not suspend the fiber
      ++plain;
    }
  });
  EXPECT_EQ(plain, 80);
}

// glibc does not look who unlocks a plain mutex.
TEST(ThreadRules, MutexHeldOverASuspension) {
  std::mutex mutex;
  int plain = 0;
  on_fibers([&] {
    for (int i = 0; i < 5; ++i) {
      const std::lock_guard lock(mutex);
      change_thread();
      ++plain;
    }
  });
  EXPECT_EQ(plain, 20);
}

TEST(ThreadRules, CallOnceWithoutSuspension) {
  std::once_flag once;
  std::atomic<int> calls{0};
  on_fibers([&] {
    std::call_once(once, [&] {
      ::usleep(1000);
      ++calls;
    });
    EXPECT_EQ(calls, 1);
  });
}

int slow_answer() {
  umcg::this_fiber::sleep_for(1ms);
  return 42;
}
TEST(ThreadRules, StaticInitialiserThatSuspends) {
  on_fibers([] {
    static const int answer = slow_answer();
    EXPECT_EQ(answer, 42);
  });
}

TEST(ThreadRules, StreamsOfOnesOwn) {
  on_fibers([] {
    std::ostringstream out;
    out << "one ";
    change_thread();
    out << "two";
    EXPECT_EQ(out.str(), "one two");
  });
}

TEST(ThreadRules, SharedStdioStreams) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  on_fibers([&] {
    for (int i = 0; i < 20; ++i) {
      std::fprintf(file, "%s %s\n", "two", "words");
      umcg::this_fiber::yield();
    }
  });
  std::rewind(file);
  char line[64];
  int lines = 0;
  for (; std::fgets(line, sizeof line, file) != nullptr; ++lines) EXPECT_STREQ(line, "two words\n");
  EXPECT_EQ(lines, 80);
  std::fclose(file);
}

// ---- Until the next suspension

TEST(ThreadRules, Errno) {
  on_fibers([] {
    // Its value goes with the fiber; its address does not, hence the accessor.
    errno_of_this_thread() = ERANGE;
    change_thread();
    EXPECT_EQ(errno_of_this_thread(), ERANGE);
    // With blocking(): ask for it inside.
    const auto [result, error] = umcg::blocking([] {
      const int r = ::close(-1);
      return std::pair(r, errno_of_this_thread());
    });
    EXPECT_EQ(result, -1);
    EXPECT_EQ(error, EBADF);
  });
}

TEST(ThreadRules, ThreadLocal) {
  on_fibers([] {
    int* const before = &counter_of_this_thread();
    ::usleep(100);  // blocks: the same thread afterwards
    EXPECT_EQ(&counter_of_this_thread(), before);
    change_thread();
    EXPECT_NE(&counter_of_this_thread(), before);
  });
}

TEST(ThreadRules, ThreadId) {
  on_fibers([] {
    const pid_t tid = ::gettid();
    const std::thread::id id = this_thread_id();
    change_thread();
    EXPECT_NE(::gettid(), tid);
    EXPECT_NE(this_thread_id(), id);
  });
}

// Another library with an errno of its own.
TEST(ThreadRules, OpensslErrorQueue) {
  void* const crypto = ::dlopen("libcrypto.so.3", RTLD_NOW);
  if (crypto == nullptr) GTEST_SKIP() << ::dlerror();
  const auto bio_new_file =
      reinterpret_cast<void* (*)(const char*, const char*)>(::dlsym(crypto, "BIO_new_file"));
  const auto err_peek_error =
      reinterpret_cast<unsigned long (*)()>(::dlsym(crypto, "ERR_peek_error"));
  const auto err_get_error =
      reinterpret_cast<unsigned long (*)()>(::dlsym(crypto, "ERR_get_error"));
  ASSERT_TRUE(bio_new_file != nullptr && err_peek_error != nullptr && err_get_error != nullptr);
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kChaos});
  rt.run([&] {
    EXPECT_EQ(bio_new_file("/nowhere/to/be/found", "r"), nullptr);
    EXPECT_NE(err_peek_error(), 0u);  // the right moment to ask
    change_thread();
    EXPECT_EQ(err_peek_error(), 0u);  // the queue of another thread
  });
  rt.run([&] {
    const umcg::this_fiber::ThreadPin pin;
    while (err_get_error() != 0) {
    }
    EXPECT_EQ(bio_new_file("/nowhere/to/be/found", "r"), nullptr);
    umcg::this_fiber::sleep_for(100us);
    EXPECT_NE(err_peek_error(), 0u);
  });
}

TEST(ThreadRules, Locale) {
  const locale_t other = ::newlocale(LC_ALL_MASK, "C", nullptr);
  ASSERT_NE(other, static_cast<locale_t>(nullptr));
  umcg::Runtime rt({.servers = 2, .handoff = umcg::Handoff::kChaos});
  rt.run([&] {
    {
      const umcg::this_fiber::ThreadPin pin;
      const locale_t before = ::uselocale(other);
      umcg::this_fiber::sleep_for(100us);
      EXPECT_EQ(::uselocale(static_cast<locale_t>(nullptr)), other);
      ::uselocale(before);  // before the pin ends: the thread is everybody's
    }
    change_thread();
    EXPECT_NE(::uselocale(static_cast<locale_t>(nullptr)), other);
  });
  ::freelocale(other);
}

bool is_blocked(int signal) {
  sigset_t mask;
  sigemptyset(&mask);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}
TEST(ThreadRules, SignalMask) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  on_fibers([&] {
    const umcg::this_fiber::ThreadPin pin;
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
    umcg::this_fiber::sleep_for(100us);
    EXPECT_TRUE(is_blocked(SIGUSR1));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);  // before the pin ends
  });
  on_one_thread([&] {
    ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
    // The next fiber of this thread finds what we have left behind.
    EXPECT_TRUE(umcg::spawn([] { return is_blocked(SIGUSR1); }).join());
  });
}

// ---- Unsafe without a pin

// Each of these knows its owner by thread. TSan finds fault with them, and rightly.
class ThreadRulesUnsafe : public ::testing::Test {
 protected:
  void SetUp() override {
    if (umcg_test::kTsan) GTEST_SKIP() << "these are what TSan reports";
  }
};

TEST_F(ThreadRulesUnsafe, RecursiveMutexLetsAnotherFiberIn) {
  on_one_thread([] {
    std::recursive_mutex mutex;
    const std::lock_guard lock(mutex);
    const bool entered = umcg::spawn([&] {
                           if (!mutex.try_lock()) return false;
                           mutex.unlock();
                           return true;
                         }).join();
    EXPECT_TRUE(entered);
  });
}

TEST_F(ThreadRulesUnsafe, SharedMutexTakesAnotherFiberForTheOwner) {
  on_one_thread([] {
    std::shared_mutex mutex;
    const std::unique_lock lock(mutex);
    umcg::spawn([&] { EXPECT_THROW(mutex.lock(), std::system_error); }).join();
  });
}

TEST_F(ThreadRulesUnsafe, StreamLockLetsAnotherFiberIn) {
  on_one_thread([] {
    std::FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    ::flockfile(file);
    const bool entered = umcg::spawn([&] {
                           if (::ftrylockfile(file) != 0) return false;
                           ::funlockfile(file);
                           return true;
                         }).join();
    EXPECT_TRUE(entered);
    ::funlockfile(file);
    std::fclose(file);
  });
}

// Of the kinds that std has no name for, and of recursive ones.
class OwnedMutex {
 public:
  enum Kind { kRecursive, kErrorChecking, kPriorityInheriting, kRobust };
  static constexpr Kind kKinds[] = {kRecursive, kErrorChecking, kPriorityInheriting, kRobust};

  explicit OwnedMutex(Kind kind) {
    pthread_mutexattr_t a;
    ::pthread_mutexattr_init(&a);
    if (kind == kRecursive) ::pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    if (kind == kErrorChecking) ::pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
    if (kind == kPriorityInheriting) ::pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    if (kind == kRobust) ::pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    EXPECT_EQ(::pthread_mutex_init(&mutex_, &a), 0);
    ::pthread_mutexattr_destroy(&a);
  }
  ~OwnedMutex() { ::pthread_mutex_destroy(&mutex_); }
  OwnedMutex(const OwnedMutex&) = delete;
  OwnedMutex& operator=(const OwnedMutex&) = delete;
  void lock() { EXPECT_EQ(::pthread_mutex_lock(&mutex_), 0); }
  int try_unlock() { return ::pthread_mutex_unlock(&mutex_); }
  void unlock() { EXPECT_EQ(try_unlock(), 0); }

 private:
  pthread_mutex_t mutex_;
};

TEST_F(ThreadRulesUnsafe, OwnedMutexesRefuseAnotherThread) {
  umcg::Runtime rt({.servers = 2});
  for (const auto kind : OwnedMutex::kKinds) {
    OwnedMutex mutex(kind);
    rt.run([&] {
      // The pin keeps us, and with us the lock, on a thread of our own while we wait for the other.
      const umcg::this_fiber::ThreadPin pin;
      const std::lock_guard lock(mutex);
      EXPECT_EQ(umcg::spawn([&] { return mutex.try_unlock(); }).join(), EPERM);
    });
  }
}

// ---- With a pin all of it is safe

TEST(ThreadRules, PinKeepsThreadLocal) {
  on_fibers([] {
    const umcg::this_fiber::ThreadPin pin;
    int* const before = &counter_of_this_thread();
    umcg::this_fiber::sleep_for(100us);
    umcg::this_fiber::yield();
    EXPECT_EQ(&counter_of_this_thread(), before);
  });
}

// Of every kind one, held over a suspension.
struct OwnedMutexes {
  std::recursive_mutex recursive;
  std::shared_mutex shared;
  OwnedMutex checked{OwnedMutex::kErrorChecking};
  OwnedMutex inheriting{OwnedMutex::kPriorityInheriting};
  OwnedMutex robust{OwnedMutex::kRobust};
  int plain = 0;

  void hold_ten_times() {
    for (int i = 0; i < 10; ++i) {
      const std::lock_guard outer(recursive);
      const std::lock_guard inner(recursive);
      const std::unique_lock writer(shared);
      const std::lock_guard one(checked);
      const std::lock_guard two(inheriting);
      const std::lock_guard three(robust);
      umcg::this_fiber::sleep_for(50us);
      ++plain;
    }
  }
};
TEST(ThreadRules, PinKeepsOwnedMutexes) {
  OwnedMutexes mutexes;
  on_fibers([&] {
    const umcg::this_fiber::ThreadPin pin;
    mutexes.hold_ten_times();
  });
  EXPECT_EQ(mutexes.plain, 40);
}
TEST(ThreadRules, BoundFiberKeepsOwnedMutexes) {
  OwnedMutexes mutexes;
  on_fibers([&] { mutexes.hold_ten_times(); }, {.bound = true});
  EXPECT_EQ(mutexes.plain, 40);
}

// Built without assertions it does not look who unlocks, but who waits for it is known by thread,
// and so is the holder in all its checks.
TEST(ThreadRules, PinKeepsAbslMutex) {
  if (umcg_test::kTsan) GTEST_SKIP() << "the library was built without TSan, which then sees races";
  absl::Mutex mutex;
  int plain = 0;
  const auto hold = [&] {
    for (int i = 0; i < 10; ++i) {
      const absl::MutexLock lock(&mutex);
      mutex.AssertHeld();
      umcg::this_fiber::sleep_for(50us);
      ++plain;
    }
  };
  on_fibers([&] {
    const umcg::this_fiber::ThreadPin pin;
    hold();
    mutex.LockWhen(absl::Condition(
        +[](int* n) { return *n >= 40; }, &plain));
    mutex.Unlock();
  });
  on_fibers(hold, {.bound = true});
  EXPECT_EQ(plain, 80);
}

TEST(ThreadRules, PinKeepsCallOnce) {
  std::once_flag once;
  std::atomic<int> calls{0};
  on_fibers([&] {
    const umcg::this_fiber::ThreadPin pin;
    std::call_once(once, [&] {
      umcg::this_fiber::sleep_for(1ms);
      ++calls;
    });
    EXPECT_EQ(calls, 1);
  });
}

}  // namespace
