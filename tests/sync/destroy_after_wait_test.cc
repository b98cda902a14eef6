// SPDX-License-Identifier: Apache-2.0
// An object on the waiter's stack dies as soon as its wait() returns, while the call that ended
// the wait may still be running. Under ASan and TSan each touch after the end shows.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "support/crew.h"
#include "support/sanitizers.h"
#include "umcg/condition_variable.h"
#include "umcg/event.h"
#include "umcg/mutex.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace {

using umcg_test::Crew;
using DestroyAfterWait = umcg_test::CrewTest;

// Hands the addresses of short-lived objects to a partner on the other side of the crew. On the
// heap, so that ASan sees a late touch; filled with rubbish, so that others notice one too.
template <class T, class Wait, class Wake, class... A>
void exchange(Crew& crew, Wait wait, Wake wake, A... args) {
  const int rounds = umcg_test::scaled(3000);
  std::atomic<T*> offered{nullptr};
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      void* memory = ::operator new(sizeof(T), std::align_val_t(alignof(T)));
      T* object = ::new (memory) T(args...);
      offered = object;
      if (i % 3 == 0) umcg::this_fiber::yield();
      wait(*object);
      object->~T();
      std::memset(memory, 0xdd, sizeof(T));
      asm volatile("" ::"r"(memory) : "memory");  // keeps the compiler from leaving that out
      ::operator delete(memory, std::align_val_t(alignof(T)));
    }
  });
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      T* object = nullptr;
      while ((object = offered.exchange(nullptr)) == nullptr) umcg::this_fiber::yield();
      wake(*object);
    }
  });
  crew.join();
}

TEST_P(DestroyAfterWait, Event) {
  Crew crew(GetParam());
  exchange<umcg::Event>(
      crew, [](auto& e) { e.wait(); }, [](auto& e) { e.set(); });
}

TEST_P(DestroyAfterWait, EventWithDeadlines) {
  Crew crew(GetParam());
  exchange<umcg::Event>(
      crew,
      [](auto& e) {
        while (!e.wait_for(std::chrono::microseconds(5))) {
        }
      },
      [](auto& e) { e.set(); });
}

TEST_P(DestroyAfterWait, EventOfWhichOnlyTheFlagIsAwaited) {
  Crew crew(GetParam());
  exchange<umcg::Event>(
      crew,
      [](auto& e) {
        (void)e.wait_for(std::chrono::nanoseconds(1));
        e.wait();
      },
      [](auto& e) { e.set(); });
}

TEST_P(DestroyAfterWait, WaitGroup) {
  Crew crew(GetParam());
  exchange<umcg::WaitGroup>(
      crew, [](auto& g) { g.wait(); }, [](auto& g) { g.done(); }, 1);
}

TEST_P(DestroyAfterWait, Semaphore) {
  Crew crew(GetParam());
  exchange<umcg::Semaphore>(
      crew, [](auto& s) { s.acquire(); }, [](auto& s) { s.release(); }, 0);
}

TEST_P(DestroyAfterWait, SemaphoreInParts) {
  Crew crew(GetParam());
  exchange<umcg::Semaphore>(
      crew, [](auto& s) { s.acquire(2); },
      [](auto& s) {
        s.release();
        s.release();
      },
      0);
}

// The waiter locks, sees that the other has unlocked for the last time, unlocks and destroys.
struct Counted {
  umcg::Mutex mutex;
  int left = 2;
};
TEST_P(DestroyAfterWait, Mutex) {
  Crew crew(GetParam());
  const auto drop = [](Counted& c) {
    const std::scoped_lock lock(c.mutex);
    --c.left;
  };
  exchange<Counted>(
      crew,
      [&](Counted& c) {
        drop(c);
        for (;;) {
          const std::scoped_lock lock(c.mutex);
          if (c.left == 0) break;
          umcg::this_fiber::yield();
        }
      },
      drop);
}

// As the standard allows: destroyed when all were notified, though notify is still under way.
struct Flagged {
  umcg::Mutex mutex;
  umcg::ConditionVariable cv;
  bool flag = false;
};
TEST_P(DestroyAfterWait, ConditionVariableNotifiedUnderTheLock) {
  Crew crew(GetParam());
  exchange<Flagged>(
      crew,
      [](Flagged& f) {
        std::unique_lock lock(f.mutex);
        f.cv.wait(lock, [&] { return f.flag; });
      },
      [](Flagged& f) {
        const std::scoped_lock lock(f.mutex);
        f.flag = true;
        f.cv.notify_all();
      });
}

// On real stacks: many parents, each with a group that its children end.
TEST_P(DestroyAfterWait, GroupsOnFiberStacks) {
  Crew crew(GetParam());
  umcg::Runtime helpers({.servers = 2});
  for (int i = 0; i < 6; ++i) {
    crew.start([&] {
      for (int k = 0; k < umcg_test::scaled(500); ++k) {
        umcg::WaitGroup group(2);
        for (int child = 0; child < 2; ++child) helpers.post([&] { group.done(); });
        group.wait();
      }
    });
  }
  crew.join();
}

UMCG_INSTANTIATE_CREWS(DestroyAfterWait);

}  // namespace
