// SPDX-License-Identifier: Apache-2.0
// Everything that waits works while static objects are destroyed: between threads, after the last
// runtime has gone; between a thread and the fibers of a static runtime; between fibers of that one
// and of one that is made only then.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "support/death.h"
#include "umcg/barrier.h"
#include "umcg/channel.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/future.h"
#include "umcg/latch.h"
#include "umcg/mutex.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/runtime.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;

struct Objects {
  umcg::Mutex mutex;
  umcg::RecursiveMutex recursive;
  umcg::SharedMutex shared;
  umcg::ConditionVariable cv;
  umcg::Semaphore semaphore{0};
  umcg::Event event;
  umcg::WaitGroup group;
  umcg::Channel<int> channel;
  int turn = 0;

  // Two parties meet at each object. `start` gives what runs a function elsewhere.
  template <class Start>
  void meet(Start start) {
    umcg::Latch latch(2);
    umcg::Barrier<> barrier(2);
    umcg::OnceFlag once;
    umcg::Promise<int> promise;
    umcg::Future<int> future = promise.get_future();
    group.add();
    turn = 0;
    auto other = start([&] {
      umcg::this_fiber::sleep_for(1ms);
      {
        const std::scoped_lock all(mutex, recursive, shared);
        turn = 1;
        cv.notify_one();
      }
      semaphore.release();
      event.set();
      group.done();
      latch.arrive_and_wait();
      barrier.arrive_and_wait();
      (void)channel.send(7);
      umcg::call_once(once, [] { umcg::this_fiber::sleep_for(1ms); });
      promise.set_value(8);
      semaphore.release();
    });
    {
      std::unique_lock lock(mutex);
      cv.wait(lock, [&] { return turn == 1; });
    }
    const std::shared_lock reader(shared);
    semaphore.acquire();
    event.wait();
    event.reset();
    group.wait();
    latch.arrive_and_wait();
    barrier.arrive_and_wait();
    if (channel.recv() != 7) std::abort();
    umcg::call_once(once, [] { umcg::this_fiber::sleep_for(1ms); });
    if (future.get() != 8) std::abort();
    if (umcg::select({semaphore.on_acquire(), umcg::on_deadline(1h)}) != 0) std::abort();
    other.join();
  }
};

struct AtEnd {
  std::function<void()> body;
  ~AtEnd() { body(); }
};

const auto on_thread = [](auto body) { return std::thread(std::move(body)); };

// Does not return.
void exit_with_statics(void (*exit)(umcg::Runtime& rt)) {
  static Objects objects;
  static const AtEnd last{[] {
    objects.meet(on_thread);
    std::fputs("threads;", stderr);
  }};
  static umcg::Runtime rt({.servers = 1});
  static const AtEnd first{[] {
    const auto on_fiber = [](auto body) { return rt.spawn(std::move(body)); };
    objects.meet(on_fiber);
    rt.run([&] { objects.meet(on_fiber); });
    rt.run([&] { objects.meet(on_thread); });
    umcg::Runtime late({.servers = 1});
    late.run([&] { objects.meet(on_fiber); });
    std::fputs("fibers;", stderr);
  }};
  exit(rt);
}

class StaticDestruction : public umcg_test::DeathTest {};

TEST_F(StaticDestruction, AfterMain) {
  EXPECT_EXIT(exit_with_statics([](umcg::Runtime&) { std::exit(0); }), ::testing::ExitedWithCode(0),
              "fibers;threads;");
}

TEST_F(StaticDestruction, AfterExitOnAThread) {
  EXPECT_EXIT(exit_with_statics([](umcg::Runtime&) { std::thread([] { std::exit(0); }).join(); }),
              ::testing::ExitedWithCode(0), "fibers;threads;");
}

}  // namespace
