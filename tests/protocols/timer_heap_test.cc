// SPDX-License-Identifier: Apache-2.0
// The heap of deadlines against std::multimap: random inserts, cancels of any node, and firing.
#include "runtime/time/timer_heap.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "runtime/waiting/waiter.h"
#include "support/sanitizers.h"

namespace {

using umcg::internal::kGranted;
using umcg::internal::kNeverNs;
using umcg::internal::Timer;
using umcg::internal::TimerHeap;
using umcg::internal::Waiter;

struct Wait {
  explicit Wait(std::int64_t deadline_ns) : deadline(deadline_ns) {}
  const std::int64_t deadline;
  Waiter waiter;
  Timer timer{waiter, deadline};
  bool ended_otherwise = false;
};

class Reference {
 public:
  std::int64_t earliest() const { return waits_.empty() ? kNeverNs : waits_.begin()->first; }
  bool empty() const { return waits_.empty(); }

  void insert(TimerHeap& heap, std::int64_t deadline) {
    auto wait = std::make_unique<Wait>(deadline);
    heap.insert(wait->timer);
    waits_.emplace(deadline, std::move(wait));
  }
  Wait& any(std::mt19937& random) { return *pick(random)->second; }
  void cancel_any(std::mt19937& random) {
    const auto it = pick(random);
    it->second->timer.cancel();
    it->second->timer.cancel();  // harmless
    EXPECT_EQ(it->second->waiter.is_claimed(), it->second->ended_otherwise);
    waits_.erase(it);
  }
  void fire(TimerHeap& heap, std::int64_t now) {
    std::uint64_t expected = 0, fired = 0;
    const auto end = waits_.upper_bound(now);
    for (auto it = waits_.begin(); it != end; ++it) expected += !it->second->ended_otherwise;
    EXPECT_TRUE(heap.fire(now, &fired).empty()) << "threads' waits leave no fiber to make ready";
    EXPECT_EQ(fired, expected);
    for (auto it = waits_.begin(); it != end; ++it) {
      EXPECT_TRUE(it->second->waiter.is_claimed());
      it->second->timer.cancel();  // as every wait does on its way out
    }
    waits_.erase(waits_.begin(), end);
    for (const auto& [deadline, wait] : waits_) {
      if (wait->waiter.is_claimed() != wait->ended_otherwise) ADD_FAILURE() << deadline;
    }
  }

 private:
  using Waits = std::multimap<std::int64_t, std::unique_ptr<Wait>>;
  Waits::iterator pick(std::mt19937& random) {
    return std::next(waits_.begin(), static_cast<std::ptrdiff_t>(random() % waits_.size()));
  }
  Waits waits_;
};

class TimerHeapRandom : public ::testing::TestWithParam<int> {};

// The parameter: how many inserts for each ten operations; few keep the heap small.
TEST_P(TimerHeapRandom, AgreesWithMultimap) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  TimerHeap heap;
  Reference reference;
  std::int64_t now = 0;
  EXPECT_EQ(heap.earliest(), kNeverNs);
  for (int i = 0; i < umcg_test::scaled(20'000); ++i) {
    const auto choice = static_cast<int>(random() % 10);
    if (choice < GetParam()) {
      // Equal ones and past ones too.
      reference.insert(heap, now + static_cast<std::int64_t>(random() % 500) - 20);
    } else if (reference.empty()) {
      continue;
    } else if (choice % 3 == 0) {
      now += static_cast<std::int64_t>(random() % 40);
      reference.fire(heap, now);
    } else if (choice % 3 == 1) {
      reference.cancel_any(random);
    } else {
      Wait& wait = reference.any(random);
      wait.ended_otherwise |= wait.waiter.try_claim(kGranted).won;
    }
    ASSERT_EQ(heap.earliest(), reference.earliest()) << "step " << i;
    ASSERT_EQ(heap.earliest_hint(), reference.earliest());
    if (HasFailure()) return;
  }
  reference.fire(heap, kNeverNs - 1);
  EXPECT_TRUE(reference.empty());
  EXPECT_EQ(heap.earliest(), kNeverNs);
}

INSTANTIATE_TEST_SUITE_P(Inserts, TimerHeapRandom, ::testing::Values(3, 5, 7));

// Rising deadlines make one root with a long line of children, falling ones a chain.
TEST(TimerHeap, LongLinesAndChains) {
  for (const bool rising : {true, false}) {
    constexpr std::int64_t kCount = 20'000;
    std::vector<std::unique_ptr<Wait>> waits;
    TimerHeap heap;
    for (std::int64_t i = 0; i < kCount; ++i) {
      waits.push_back(std::make_unique<Wait>(rising ? i : kCount - i));
      heap.insert(waits.back()->timer);
    }
    std::uint64_t fired = 0;
    for (std::int64_t now = 0; now <= kCount; now += 7) {
      (void)heap.fire(now, &fired);
      EXPECT_GT(heap.earliest(), now);
    }
    (void)heap.fire(kCount, &fired);
    EXPECT_EQ(fired, static_cast<std::uint64_t>(kCount));
  }
}

// A million are armed all the while. Were an insert or a cancel to look at all of them, or at a
// thousandth, this would not end within the time of a test.
TEST(TimerHeap, AMillionArmed) {
  const auto armed = static_cast<std::size_t>(umcg_test::scaled(1'000'000));
  std::mt19937 random(1);
  const auto any_time = [&] { return static_cast<std::int64_t>(random()) + 1; };
  Waiter waiter;
  TimerHeap heap;
  std::vector<std::optional<Timer>> timers(armed);
  const auto arm = [&](std::optional<Timer>& timer) {
    heap.insert(timer.emplace(waiter, any_time()));
  };
  for (auto& timer : timers) arm(timer);
  for (std::size_t i = 0; i < armed / 4; ++i) {
    auto& timer = timers[random() % armed];
    timer->cancel();
    arm(timer);
  }
  Timer first(waiter, 0);
  heap.insert(first);
  EXPECT_EQ(heap.earliest(), 0);
  first.cancel();
  EXPECT_GT(heap.earliest(), 0);
  for (auto& timer : timers) timer->cancel();
  EXPECT_EQ(heap.earliest(), kNeverNs);
}

TEST(TimerHeap, CancelOfOneThatNeverWasInAHeap) {
  Waiter waiter;
  Timer timer(waiter, 1);
  timer.cancel();
  EXPECT_FALSE(waiter.is_claimed());
}

}  // namespace
