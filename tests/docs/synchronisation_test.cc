// SPDX-License-Identifier: Apache-2.0
// The examples of docs/synchronisation.md, by the names in the tables there.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/death.h"
#include "support/eventually.h"
#include "umcg/barrier.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/fiber_local.h"
#include "umcg/latch.h"
#include "umcg/lock_guard.h"
#include "umcg/mutex.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/semaphore.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;

// Runs `body` on a few fibers at once.
template <class Body>
void on_fibers(int n, Body body) {
  umcg::Runtime rt({.servers = 2});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < n; ++i) fibers.push_back(rt.spawn(body));
  for (auto& f : fibers) f.join();
}

TEST(Synchronisation, FibersAndThreadsMix) {
  umcg::Runtime rt({.servers = 1});
  umcg::Semaphore ping(0);
  umcg::Semaphore pong(0);
  umcg::Fiber<> fiber = rt.spawn([&] {
    for (int i = 0; i < 10; ++i) {
      ping.acquire();
      pong.release();
    }
  });
  for (int i = 0; i < 10; ++i) {
    ping.release();
    pong.acquire();  // this thread sleeps in the kernel
  }
  fiber.join();
}

constinit umcg::Mutex global_mutex;
constinit umcg::Barrier<> global_barrier(1);
TEST(Synchronisation, NoCodeRunsToMakeOne) {
  static_assert(sizeof(umcg::Event) == sizeof(void*));
  static_assert(sizeof(umcg::Mutex) == 2 * sizeof(void*));
  const std::scoped_lock lock(global_mutex);
  global_barrier.arrive_and_wait();
}

TEST(Synchronisation, GivingUp) {
  umcg::Semaphore none(0);
  std::stop_source source;
  EXPECT_FALSE(none.try_acquire_for(1ms));
  EXPECT_EQ(none.acquire(source.get_token(), 1ms), WaitStatus::kTimeout);
  source.request_stop();
  EXPECT_EQ(none.acquire(source.get_token()), WaitStatus::kStopped);
}

TEST(Synchronisation, ReadyComesFirst) {
  umcg::Event set;
  set.set();
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(set.wait(source.get_token(), 0ms), WaitStatus::kReady);
  set.reset();
  EXPECT_EQ(set.wait(source.get_token(), 0ms), WaitStatus::kTimeout);
}

TEST(Synchronisation, DestroyedByTheWaiter) {
  on_fibers(4, [] {
    for (int i = 0; i < 100; ++i) {
      umcg::Event done;
      umcg::post([&] { done.set(); });
      done.wait();
    }  // set() may still be in its last instructions
  });
}

using SynchronisationDeaths = umcg_test::DeathTest;
TEST_F(SynchronisationDeaths, MisuseIsNamed) {
  EXPECT_DEATH(
      {
        umcg::Runtime rt;
        umcg::Mutex mutex;
        mutex.lock();
        rt.spawn({.name = "burglar"}, [&] { mutex.unlock(); }).join();
      },
      "burglar.*Mutex: unlock");
}

TEST(Synchronisation, OneAtATime) {
  umcg::Mutex mutex;
  int balance = 0;
  on_fibers(4, [&] {
    const std::scoped_lock lock(mutex);
    const int before = balance;
    umcg::this_fiber::sleep_for(100us);  // the others wait, their servers do not
    balance = before + 1;
  });
  EXPECT_EQ(balance, 4);
}

TEST(Synchronisation, Again) {
  umcg::RecursiveMutex mutex;
  int n = 0;
  const auto inner = [&] {
    const std::scoped_lock lock(mutex);
    ++n;
  };
  on_fibers(4, [&] {
    const std::scoped_lock lock(mutex);
    umcg::this_fiber::yield();
    inner();
  });
  EXPECT_EQ(n, 4);
}

TEST(Synchronisation, ReadersTogether) {
  umcg::SharedMutex mutex;
  umcg::Latch all_in(4);
  on_fibers(4, [&] {
    const std::shared_lock lock(mutex);
    all_in.arrive_and_wait();  // each waits for the others, with the lock held
  });
}

TEST(Synchronisation, UntilACondition) {
  umcg::Runtime rt({.servers = 2});
  umcg::Mutex mutex;
  umcg::ConditionVariable more;
  std::deque<int> queue;
  umcg::Fiber<int> sum = rt.spawn([&] {
    int total = 0;
    for (int i = 0; i < 10; ++i) {
      std::unique_lock lock(mutex);
      more.wait(lock, [&] { return !queue.empty(); });
      total += queue.front();
      queue.pop_front();
    }
    return total;
  });
  for (int i = 1; i <= 10; ++i) {
    const std::scoped_lock lock(mutex);
    queue.push_back(i);
    more.notify_one();
  }
  EXPECT_EQ(sum.join(), 55);
}

TEST(Synchronisation, AtMostTwo) {
  umcg::Semaphore slots(2);
  std::atomic<int> inside{0};
  on_fibers(8, [&] {
    slots.acquire();
    EXPECT_LE(++inside, 2);
    umcg::this_fiber::yield();
    --inside;
    slots.release();
  });
}

TEST(Synchronisation, AFlag) {
  umcg::Event ready;
  int value = 0;
  umcg::Runtime rt({.servers = 2});
  umcg::Fiber<int> reader = rt.spawn([&] {
    ready.wait();
    return value;
  });
  value = 42;
  ready.set();
  EXPECT_EQ(reader.join(), 42);
}

TEST(Synchronisation, UntilAllJobsAreDone) {
  umcg::Runtime rt({.servers = 2});
  umcg::WaitGroup jobs;
  std::atomic<int> done{0};
  for (int i = 0; i < 5; ++i) {
    jobs.add();
    rt.post([&] {
      ++done;
      jobs.done();
    });
  }
  jobs.wait();
  EXPECT_EQ(done, 5);
}

TEST(Synchronisation, UntilAllAreReady) {
  umcg::Latch ready(3);
  std::atomic<int> prepared{0};
  on_fibers(3, [&] {
    ++prepared;
    ready.arrive_and_wait();
    EXPECT_EQ(prepared, 3);
  });
}

TEST(Synchronisation, StepByStep) {
  int step = 0;
  umcg::Barrier meet(3, [&]() noexcept { ++step; });
  on_fibers(3, [&] {
    for (int k = 1; k <= 5; ++k) {
      meet.arrive_and_wait();
      EXPECT_EQ(step, 2 * k - 1);  // nobody can begin the next one before all have looked
      meet.arrive_and_wait();
    }
  });
}

TEST(Synchronisation, MadeOnce) {
  umcg::OnceFlag flag;
  std::string table;
  on_fibers(4, [&] {
    umcg::call_once(flag, [&] {
      umcg::this_fiber::sleep_for(100us);  // with std::call_once it must not
      table += "loaded";
    });
    EXPECT_EQ(table, "loaded");
  });
}

constinit umcg::FiberLocal<std::string, umcg::Inherit::kCopy> user;
TEST(Synchronisation, OfItsOwn) {
  on_fibers(4, [] {
    *user = "ada";
    umcg::spawn([] {
      EXPECT_EQ(*user, "ada");
      *user = "bob";
    }).join();
    EXPECT_EQ(*user, "ada");
  });
}

TEST(Synchronisation, NobodyStarves) {
  umcg::Mutex mutex;
  std::atomic<bool> over{false};
  umcg::Runtime rt({.servers = 2});
  umcg::Fiber<> hog = rt.spawn([&] {
    while (!over) {
      const std::scoped_lock lock(mutex);
      umcg::this_fiber::yield();
    }
  });
  rt.run([&] {
    for (int k = 0; k < 50; ++k) const std::scoped_lock lock(mutex);
  });
  over = true;
  hog.join();
}

TEST(Synchronisation, NeitherSideStarves) {
  umcg::SharedMutex mutex;
  std::atomic<bool> over{false};
  umcg::Runtime rt({.servers = 2});
  std::vector<umcg::Fiber<>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(rt.spawn([&] {
      while (!over) {
        const std::shared_lock lock(mutex);
        umcg::this_fiber::yield();  // so that there is always one inside
      }
    }));
  }
  rt.run([&] {
    for (int k = 0; k < 50; ++k) const std::scoped_lock lock(mutex);
  });
  over = true;
  for (auto& r : readers) r.join();
}

// One server: fibers begin to wait in the order in which they run.
template <class Wait, class Wake>
std::vector<int> order_of(Wait wait, Wake wake) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  std::vector<int> arrived;
  std::vector<int> served;
  rt.run([&] {
    umcg::Scope scope;
    for (int i = 0; i < 4; ++i) {
      (void)scope.spawn([&, i] {
        arrived.push_back(i);
        wait();
        served.push_back(i);
      });
    }
    while (arrived.size() < 4) umcg::this_fiber::yield();
    for (int i = 0; i < 4; ++i) {
      wake();
      umcg::this_fiber::yield();
    }
    scope.join();
  });
  EXPECT_EQ(arrived, served);
  return served;
}

TEST(Synchronisation, FirstComeFirstServed) {
  umcg::Semaphore permits(0);
  order_of([&] { permits.acquire(); }, [&] { permits.release(); });
}

TEST(Synchronisation, OldestWaiterFirst) {
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  order_of(
      [&] {
        std::unique_lock lock(mutex);
        cv.wait(lock);
      },
      [&] { cv.notify_one(); });
}

TEST(Synchronisation, AllAtOnce) {
  umcg::Event go;
  umcg::Latch waiting(4);
  umcg::Runtime rt({.servers = 2});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 4; ++i) {
    fibers.push_back(rt.spawn([&] {
      waiting.count_down();
      go.wait();
    }));
  }
  waiting.wait();
  go.set();
  for (auto& f : fibers) f.join();
}

TEST(Synchronisation, TheNextOneTries) {
  umcg::OnceFlag flag;
  std::atomic<int> tries{0};
  std::atomic<int> failures{0};
  on_fibers(4, [&] {
    try {
      umcg::call_once(flag, [&] {
        if (++tries < 3) throw std::runtime_error("not yet");
      });
    } catch (const std::runtime_error&) {
      ++failures;
    }
  });
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(failures, 2);
}

TEST(Synchronisation, StdMutexHeldOverAPark) {
  std::mutex mutex;
  int balance = 0;
  umcg::Runtime rt({.servers = 1});  // one CPU's worth: those who block must not keep it
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 4; ++i) {
    fibers.push_back(rt.spawn([&] {
      for (int k = 0; k < 5; ++k) {
        const std::scoped_lock lock(mutex);
        umcg::this_fiber::sleep_for(50us);
        ++balance;
      }
    }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(balance, 20);
}

TEST(Synchronisation, StdRecursiveMutexUnderAPin) {
  std::recursive_mutex mutex;
  int balance = 0;
  on_fibers(4, [&] {
    const umcg::this_fiber::ThreadPin pin;
    const std::scoped_lock outer(mutex);
    const std::scoped_lock inner(mutex);
    umcg::this_fiber::sleep_for(50us);
    ++balance;
  });
  EXPECT_EQ(balance, 4);
}

TEST(Synchronisation, StdRecursiveMutexOfABoundFiber) {
  std::recursive_mutex mutex;
  int balance = 0;
  umcg::Runtime rt({.servers = 1});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 4; ++i) {
    fibers.push_back(rt.spawn({.bound = true}, [&] {
      const std::scoped_lock outer(mutex);
      const std::scoped_lock inner(mutex);
      umcg::this_fiber::sleep_for(50us);
      ++balance;
    }));
  }
  for (auto& f : fibers) f.join();
  EXPECT_EQ(balance, 4);
}

class Account {
 public:
  void pay(int n) {
    const umcg::LockGuard guard(mutex_);
    balance_ += n;  // without the guard clang refuses it
  }
  int balance() {
    const umcg::LockGuard guard(mutex_);
    return balance_;
  }

 private:
  umcg::Mutex mutex_;
  int balance_ UMCG_GUARDED_BY(mutex_) = 0;
};
TEST(Synchronisation, CheckedByTheCompiler) {
  Account account;
  on_fibers(4, [&] { account.pay(1); });
  EXPECT_EQ(account.balance(), 4);
}

TEST(Synchronisation, CirclesAreFound) {
  umcg::Runtime rt({.servers = 2});
  umcg::Mutex a;
  umcg::Mutex b;
  umcg::Latch both(2);
  std::stop_source stop;
  const auto take = [&](umcg::Mutex& mine, umcg::Mutex& other) {
    const std::scoped_lock lock(mine);
    both.arrive_and_wait();
    if (other.lock(stop.get_token()) == WaitStatus::kReady) other.unlock();
  };
  umcg::Fiber<> mover = rt.spawn({.name = "mover"}, [&] { take(a, b); });
  umcg::Fiber<> sweeper = rt.spawn({.name = "sweeper"}, [&] { take(b, a); });
  EXPECT_TRUE(umcg_test::eventually([&] { return rt.report_deadlocks() == 1; }));
  stop.request_stop();
  mover.join();
  sweeper.join();
}

}  // namespace
