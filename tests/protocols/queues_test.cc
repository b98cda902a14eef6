// SPDX-License-Identifier: Apache-2.0
// A server's two queues, with room for four fibers only, so that they wrap and fill up all the
// time: in order for one thread, and each fiber taken exactly once among an owner and two thieves,
// with a gate that is open at all times or one that the owner closes as often as it can.
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
using umcg::internal::ThiefGate;
namespace shim = umcg::internal::shim;

enum class Gate : std::uint8_t { kOpen, kCloses };

class OrderInQueues : public ::testing::TestWithParam<Gate> {
 protected:
  void SetUp() override {
    if (GetParam() == Gate::kCloses) gate.allow_closing();
  }
  ThiefGate gate;
};
INSTANTIATE_TEST_SUITE_P(Gates, OrderInQueues, ::testing::Values(Gate::kOpen, Gate::kCloses));

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

TEST_P(OrderInQueues, RingFirstInFirstOut) {
  Fibers fibers(kCapacity + 1);
  Ring ring;
  for (int round = 0; round < 3 * kCapacity; ++round) {
    EXPECT_TRUE(ring.looks_empty());
    EXPECT_EQ(ring.pop(gate), nullptr);
    const auto n = static_cast<std::size_t>(round % kCapacity + 1);
    for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(ring.push(fibers[i]));
    EXPECT_FALSE(ring.looks_empty());
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(ring.pop(gate), fibers[i]);
  }
}

TEST_P(OrderInQueues, RingRefusesWhenFull) {
  Fibers fibers(kCapacity + 1);
  Ring ring;
  for (std::size_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(ring.push(fibers[i]));
  EXPECT_FALSE(ring.push(fibers[kCapacity]));
  EXPECT_EQ(ring.pop(gate), fibers[0]);
  EXPECT_TRUE(ring.push(fibers[kCapacity]));
}

TEST_P(OrderInQueues, RingTakeHalfTakesTheOlder) {
  Fibers fibers(kCapacity);
  Ring ring;
  EXPECT_TRUE(drain(ring.take_half()).empty());
  for (std::size_t i = 0; i < kCapacity; ++i) ring.push(fibers[i]);
  EXPECT_EQ(drain(ring.take_half()), (std::vector{fibers[0], fibers[1]}));
  EXPECT_EQ(ring.pop(gate), fibers[2]);
  EXPECT_EQ(ring.pop(gate), fibers[3]);
  EXPECT_TRUE(ring.looks_empty());
}

// One is returned, the rest is in the thief's ring, and none is lost.
TEST_P(OrderInQueues, RingStealTakesTheLargerHalf) {
  for (std::size_t n = 0; n <= kCapacity; ++n) {
    Fibers fibers(kCapacity);
    Ring victim, thief;
    for (std::size_t i = 0; i < n; ++i) victim.push(fibers[i]);
    std::set<FiberCore*> stolen;
    if (FiberCore* f = victim.steal_into(thief)) stolen.insert(f);
    while (FiberCore* f = thief.pop(gate)) stolen.insert(f);
    EXPECT_EQ(stolen.size(), n - n / 2);
    for (std::size_t i = 0; i < n - n / 2; ++i) EXPECT_TRUE(stolen.contains(fibers[i]));
    for (std::size_t i = n - n / 2; i < n; ++i) EXPECT_EQ(victim.pop(gate), fibers[i]);
    EXPECT_TRUE(victim.looks_empty());
  }
}

TEST_P(OrderInQueues, DequeOwnerTakesTheNewestThiefTheOldest) {
  Fibers fibers(kCapacity + 1);
  Deque deque;
  for (int round = 0; round < 3 * kCapacity; ++round) {
    EXPECT_TRUE(deque.looks_empty());
    EXPECT_EQ(deque.pop(gate), nullptr);
    EXPECT_EQ(deque.steal(), nullptr);
    for (std::size_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(deque.push(fibers[i]));
    EXPECT_FALSE(deque.push(fibers[kCapacity]));
    EXPECT_EQ(deque.steal(), fibers[0]);
    EXPECT_EQ(deque.pop(gate), fibers[3]);
    EXPECT_EQ(deque.steal(), fibers[1]);
    EXPECT_FALSE(deque.looks_empty());
    EXPECT_EQ(deque.pop(gate), fibers[2]);
  }
}

TEST_P(OrderInQueues, DequeTakeHalfTakesTheOlder) {
  Fibers fibers(kCapacity);
  Deque deque;
  EXPECT_TRUE(drain(deque.take_half()).empty());
  for (std::size_t i = 0; i < kCapacity; ++i) deque.push(fibers[i]);
  EXPECT_EQ(drain(deque.take_half()), (std::vector{fibers[0], fibers[1]}));
  EXPECT_EQ(deque.pop(gate), fibers[3]);
  EXPECT_EQ(deque.pop(gate), fibers[2]);
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

// A yield costs a time slice wherever others compute.
void delay(std::minstd_rand& random) {
  const auto what = random() % 1024;
  if (what == 0) {
    ::sched_yield();
  } else if (what % 16 == 1) {
    for (auto n = random() % 200; n > 0; --n) asm volatile("");
  }
}

void steal(ThiefGate& gate, Ring& victim, Ring& own, Traffic& traffic) {
  const ThiefGate::Visit visit(gate);
  if (!visit.may_steal()) return;
  if (FiberCore* f = victim.steal_into(own)) traffic.note_taken(f);
  while (FiberCore* f = own.pop_with_care()) traffic.note_taken(f);
}
void steal(ThiefGate& gate, Deque& victim, Deque&, Traffic& traffic) {
  const ThiefGate::Visit visit(gate);
  if (!visit.may_steal()) return;
  if (FiberCore* f = victim.steal()) traffic.note_taken(f);
}

template <class Queue>
void owner_and_thieves(unsigned seed, Gate kind) {
  Queue queue;
  ThiefGate gate;
  if (kind == Gate::kCloses) gate.allow_closing();
  // A gate that closes is for thieves that come now and then.
  const int rest = kind == Gate::kCloses ? 100 : 1;
  long alone = 0;
  Traffic traffic;
  std::vector<std::thread> thieves;
  for (int i = 0; i < kThieves; ++i) {
    thieves.emplace_back([&, i] {
      std::minstd_rand random(seed * 10 + static_cast<unsigned>(i));
      Queue own;
      while (!traffic.over.load(std::memory_order_relaxed)) {
        steal(gate, queue, own, traffic);
        for (int n = rest; n > 0; --n) delay(random);
      }
    });
  }
  std::minstd_rand random(seed);
  for (int i = 0; i < umcg_test::scaled(300'000); ++i) {
    if (kind == Gate::kCloses && i % 32 == 0) {
      gate.close();
      if (gate.begin_alone()) {
        ++alone;
        gate.end_alone();
      }
    }
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        if (FiberCore* f = queue.pop(gate)) traffic.note_taken(f);
        break;
      case 3:
        if (random() % 8 == 0) traffic.note_taken(queue.take_half());
        break;
      default:
        if (FiberCore* f = traffic.take_from_shelf(random)) {
          traffic.note_pushed(f);  // before: a thief may be quick
          if (!queue.push(f)) {
            traffic.note_refused(f);
            traffic.note_taken(queue.take_half());
          }
        }
    }
    delay(random);
  }
  while (FiberCore* f = queue.pop(gate)) traffic.note_taken(f);
  traffic.over.store(true);
  for (auto& t : thieves) t.join();
  EXPECT_TRUE(queue.looks_empty());
  EXPECT_EQ(traffic.taken_twice, 0);
  EXPECT_EQ(traffic.taken, traffic.pushed) << "seed " << seed;
  EXPECT_GT(traffic.pushed, 0);
  EXPECT_EQ(alone > 0, kind == Gate::kCloses);
}

template <class Queue>
void each_is_taken_once(Gate kind) {
  if (kind == Gate::kCloses && !shim::prepare_process_barrier()) {
    GTEST_SKIP() << "no membarrier(2) here";
  }
  for (unsigned seed = 1; seed <= 4; ++seed) owner_and_thieves<Queue>(seed, kind);
}

TEST(ReadyRing, EachIsTakenOnceAmongAnOwnerAndThieves) { each_is_taken_once<Ring>(Gate::kOpen); }
TEST(SpawnDeque, EachIsTakenOnceAmongAnOwnerAndThieves) { each_is_taken_once<Deque>(Gate::kOpen); }
TEST(ReadyRing, EachIsTakenOnceThroughAGateThatCloses) { each_is_taken_once<Ring>(Gate::kCloses); }
TEST(SpawnDeque, EachIsTakenOnceThroughAGateThatCloses) {
  each_is_taken_once<Deque>(Gate::kCloses);
}

}  // namespace
