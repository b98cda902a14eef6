// SPDX-License-Identifier: Apache-2.0
// A server's two queues, with room for four fibers only, so that they wrap and fill up all the
// time: in order for one thread, and each fiber taken exactly once among an owner and two thieves.
#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "runtime/scheduler/ready_ring.h"
#include "runtime/scheduler/spawn_deque.h"
#include "support/sanitizers.h"

namespace {

using umcg::internal::FiberChain;
using umcg::internal::FiberCore;

constexpr int kCapacity = 4;
using Ring = umcg::internal::BasicReadyRing<kCapacity>;
using Deque = umcg::internal::BasicSpawnDeque<kCapacity>;

bool push(Ring& q, FiberCore* f) { return q.push(f, std::memory_order_seq_cst); }
bool push(Deque& q, FiberCore* f) { return q.push(f, std::memory_order_seq_cst); }

std::vector<FiberCore*> drain(FiberChain chain) {
  std::vector<FiberCore*> all;
  while (FiberCore* f = chain.pop_front()) all.push_back(f);
  return all;
}

class Fibers {
 public:
  explicit Fibers(std::size_t n) : fibers_(std::make_unique<FiberCore[]>(n)) {}
  FiberCore* operator[](std::size_t i) { return &fibers_[i]; }
  std::size_t index(const FiberCore* f) const { return static_cast<std::size_t>(f - &fibers_[0]); }

 private:
  std::unique_ptr<FiberCore[]> fibers_;
};

TEST(ReadyRing, FirstInFirstOut) {
  Fibers fibers(kCapacity + 1);
  Ring ring;
  for (int round = 0; round < 3 * kCapacity; ++round) {
    EXPECT_TRUE(ring.looks_empty());
    EXPECT_EQ(ring.pop(), nullptr);
    const auto n = static_cast<std::size_t>(round % kCapacity + 1);
    for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(push(ring, fibers[i]));
    EXPECT_FALSE(ring.looks_empty());
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(ring.pop(), fibers[i]);
  }
}

TEST(ReadyRing, RefusesWhenFull) {
  Fibers fibers(kCapacity + 1);
  Ring ring;
  for (std::size_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(push(ring, fibers[i]));
  EXPECT_FALSE(push(ring, fibers[kCapacity]));
  EXPECT_EQ(ring.pop(), fibers[0]);
  EXPECT_TRUE(push(ring, fibers[kCapacity]));
}

TEST(ReadyRing, TakeHalfTakesTheOlder) {
  Fibers fibers(kCapacity);
  Ring ring;
  EXPECT_TRUE(drain(ring.take_half()).empty());
  for (std::size_t i = 0; i < kCapacity; ++i) push(ring, fibers[i]);
  EXPECT_EQ(drain(ring.take_half()), (std::vector{fibers[0], fibers[1]}));
  EXPECT_EQ(ring.pop(), fibers[2]);
  EXPECT_EQ(ring.pop(), fibers[3]);
  EXPECT_TRUE(ring.looks_empty());
}

// One is returned, the rest is in the thief's ring, and none is lost.
TEST(ReadyRing, StealTakesTheLargerHalf) {
  for (std::size_t n = 0; n <= kCapacity; ++n) {
    Fibers fibers(kCapacity);
    Ring victim, thief;
    for (std::size_t i = 0; i < n; ++i) push(victim, fibers[i]);
    std::set<FiberCore*> stolen;
    if (FiberCore* f = victim.steal_into(thief)) stolen.insert(f);
    while (FiberCore* f = thief.pop()) stolen.insert(f);
    EXPECT_EQ(stolen.size(), n - n / 2);
    for (std::size_t i = 0; i < n - n / 2; ++i) EXPECT_TRUE(stolen.contains(fibers[i]));
    for (std::size_t i = n - n / 2; i < n; ++i) EXPECT_EQ(victim.pop(), fibers[i]);
    EXPECT_TRUE(victim.looks_empty());
  }
}

TEST(SpawnDeque, OwnerTakesTheNewestThiefTheOldest) {
  Fibers fibers(kCapacity + 1);
  Deque deque;
  for (int round = 0; round < 3 * kCapacity; ++round) {
    EXPECT_TRUE(deque.looks_empty());
    EXPECT_EQ(deque.pop(), nullptr);
    EXPECT_EQ(deque.steal(), nullptr);
    for (std::size_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(push(deque, fibers[i]));
    EXPECT_FALSE(push(deque, fibers[kCapacity]));
    EXPECT_EQ(deque.steal(), fibers[0]);
    EXPECT_EQ(deque.pop(), fibers[3]);
    EXPECT_EQ(deque.steal(), fibers[1]);
    EXPECT_FALSE(deque.looks_empty());
    EXPECT_EQ(deque.pop(), fibers[2]);
  }
}

TEST(SpawnDeque, TakeHalfTakesTheOlder) {
  Fibers fibers(kCapacity);
  Deque deque;
  EXPECT_TRUE(drain(deque.take_half()).empty());
  for (std::size_t i = 0; i < kCapacity; ++i) push(deque, fibers[i]);
  EXPECT_EQ(drain(deque.take_half()), (std::vector{fibers[0], fibers[1]}));
  EXPECT_EQ(deque.pop(), fibers[3]);
  EXPECT_EQ(deque.pop(), fibers[2]);
}

// --- an owner and two thieves ---

constexpr std::size_t kFibers = 64;  // more than the queues hold, so that a lost one is missed
constexpr int kThieves = 2;

// Who has each fiber: the owner's shelf, or a queue, or a taker's hands. They go round and round,
// so the same addresses come again, at other places of the array.
class Traffic {
 public:
  Traffic() {
    for (auto& q : queued_) q.store(false);
  }
  FiberCore* take_from_shelf(std::minstd_rand& random) {
    const std::size_t start = random() % kFibers;
    for (std::size_t i = 0; i < kFibers; ++i) {
      const std::size_t n = (start + i) % kFibers;
      if (!queued_[n].load(std::memory_order_acquire)) return fibers_[n];
    }
    return nullptr;
  }
  void note_pushed(FiberCore* f) {
    queued_[fibers_.index(f)].store(true, std::memory_order_relaxed);
    ++pushed;
  }
  void note_refused(FiberCore* f) {
    queued_[fibers_.index(f)].store(false, std::memory_order_relaxed);
    --pushed;
  }
  void note_taken(FiberCore* f) {
    ++taken;
    if (!queued_[fibers_.index(f)].exchange(false, std::memory_order_acq_rel)) ++taken_twice;
  }
  void note_taken(FiberChain chain) {
    while (FiberCore* f = chain.pop_front()) note_taken(f);
  }

  std::atomic<long> pushed{0}, taken{0}, taken_twice{0};
  std::atomic<bool> over{false};

 private:
  Fibers fibers_{kFibers};
  std::array<std::atomic<bool>, kFibers> queued_;
};

void delay(std::minstd_rand& random) {
  switch (random() % 16) {
    case 0:
      ::sched_yield();
      return;
    case 1:
      for (auto n = random() % 200; n > 0; --n) asm volatile("");
      return;
    default:
      return;
  }
}

void steal(Ring& victim, Ring& own, Traffic& traffic) {
  if (FiberCore* f = victim.steal_into(own)) traffic.note_taken(f);
  while (FiberCore* f = own.pop()) traffic.note_taken(f);
}
void steal(Deque& victim, Deque&, Traffic& traffic) {
  if (FiberCore* f = victim.steal()) traffic.note_taken(f);
}

template <class Queue>
void owner_and_thieves(unsigned seed) {
  Queue queue;
  Traffic traffic;
  std::vector<std::thread> thieves;
  for (int i = 0; i < kThieves; ++i) {
    thieves.emplace_back([&, i] {
      std::minstd_rand random(seed * 10 + static_cast<unsigned>(i));
      Queue own;
      while (!traffic.over.load(std::memory_order_relaxed)) {
        steal(queue, own, traffic);
        delay(random);
      }
    });
  }
  std::minstd_rand random(seed);
  for (int i = 0; i < umcg_test::scaled(300'000); ++i) {
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        if (FiberCore* f = queue.pop()) traffic.note_taken(f);
        break;
      case 3:
        if (random() % 8 == 0) traffic.note_taken(queue.take_half());
        break;
      default:
        if (FiberCore* f = traffic.take_from_shelf(random)) {
          traffic.note_pushed(f);  // before: a thief may be quick
          if (!push(queue, f)) {
            traffic.note_refused(f);
            traffic.note_taken(queue.take_half());
          }
        }
    }
    delay(random);
  }
  while (FiberCore* f = queue.pop()) traffic.note_taken(f);
  traffic.over.store(true);
  for (auto& t : thieves) t.join();
  EXPECT_TRUE(queue.looks_empty());
  EXPECT_EQ(traffic.taken_twice, 0);
  EXPECT_EQ(traffic.taken, traffic.pushed) << "seed " << seed;
  EXPECT_GT(traffic.pushed, 0);
}

TEST(ReadyRing, EachIsTakenOnceAmongAnOwnerAndThieves) {
  for (unsigned seed = 1; seed <= 4; ++seed) owner_and_thieves<Ring>(seed);
}

TEST(SpawnDeque, EachIsTakenOnceAmongAnOwnerAndThieves) {
  for (unsigned seed = 1; seed <= 4; ++seed) owner_and_thieves<Deque>(seed);
}

}  // namespace
