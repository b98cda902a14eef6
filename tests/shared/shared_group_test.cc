// SPDX-License-Identifier: Apache-2.0
// shared_group_test.cc - wait, wake and swap between processes, and what becomes of it when a
// process ends.
#include "umcg/shared_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <optional>
#include <random>
#include <thread>

#include "group.h"
#include "support/child.h"

namespace {

using umcg_test::Child;
using umcg_test::Group;
using umcg_test::Member;

#define REQUIRE(condition) \
  if (!(condition)) return 1 + __LINE__ % 250

// The other side of a game of ping-pong, until the parent is gone or does not answer.
int answer(const Group& group, int steps) {
  const Member self(group, 1);
  REQUIRE(self.error() == 0);
  const umcg_shared_id parent = self.await(0);
  auto* const counter = self.data<long>();
  REQUIRE(self.wait(parent) == 0);
  for (int i = 1; i < steps; ++i) {
    ++*counter;
    REQUIRE(self.swap(parent) == 0);
  }
  ++*counter;
  REQUIRE(self.wake(parent) == 0);
  return 0;
}

TEST(SharedGroup, PingPong) {
  constexpr int kSteps = 20'000;
  const Group group(2);
  const Member self(group, 0);
  ASSERT_EQ(self.error(), 0);
  Child child([&] { return answer(group, kSteps); });
  const umcg_shared_id other = self.await(1);
  for (int i = 0; i < kSteps; ++i) {
    ++*self.data<long>();
    ASSERT_EQ(self.swap(other), 0);
  }
  EXPECT_EQ(child.exit_code(), 0);
  EXPECT_EQ(*self.data<long>(), 2 * kSteps);
}

// Many wakers of one sleeper, in both processes: none of what was accepted is lost.
TEST(SharedGroup, WhatIsAcceptedIsDelivered) {
  constexpr int kItems = 5'000;
  const Group group(4);
  const Member self(group, 0);
  auto& items = *self.data<std::atomic<int>>();
  const auto wake = [&](std::uint32_t place) {
    const Member waker(group, place);
    const umcg_shared_id consumer = waker.await(0);
    for (int i = 0; i < kItems; ++i) {
      // In the child this is another mapping, of the same memory.
      waker.data<std::atomic<int>>()->fetch_add(1, std::memory_order_relaxed);
      const int result = waker.wake(consumer);
      REQUIRE(result == 0 || result == -EAGAIN);
    }
    return 0;
  };
  Child child([&] { return wake(1); });
  std::thread here([&] { EXPECT_EQ(wake(2), 0); });
  for (int seen = 0; seen < 2 * kItems;) {
    ASSERT_EQ(self.wait(), 0);
    seen += items.exchange(0, std::memory_order_relaxed);
  }
  here.join();
  EXPECT_EQ(child.exit_code(), 0);
}

TEST(SharedGroup, WrongUse) {
  int fd = -1;
  EXPECT_EQ(umcg_shared_create(1, 2, 0, &fd), -EINVAL);
  EXPECT_EQ(umcg_shared_create(0, 0, 0, &fd), -EINVAL);
  EXPECT_EQ(umcg_shared_create(0, UMCG_SHARED_MAX_TASKS + 1, 0, &fd), -EINVAL);
  EXPECT_EQ(umcg_shared_create(0, 2, 0, nullptr), -EINVAL);

  const Group group(2, 100);
  umcg_shared_task* task = nullptr;
  EXPECT_EQ(umcg_shared_join(group.fd(), 1, 0, &task), -EINVAL);
  EXPECT_EQ(umcg_shared_join(group.fd(), 0, 2, &task), -EINVAL);
  EXPECT_EQ(umcg_shared_join(group.fd(), 0, 0, nullptr), -EINVAL);
  EXPECT_EQ(umcg_shared_join(-1, 0, 0, &task), -EBADF);
  EXPECT_LT(ftruncate(group.fd(), 0), 0) << "its size is sealed";

  const int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(unsealed, 1 << 16), 0);
  EXPECT_EQ(umcg_shared_join(unsealed, 0, 0, &task), -EINVAL);
  ASSERT_EQ(fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  EXPECT_EQ(umcg_shared_join(unsealed, 0, 0, &task), -EINVAL) << "no header";
  close(unsealed);

  const Member self(group, UMCG_SHARED_ANY_PLACE);
  ASSERT_EQ(self.error(), 0);
  const umcg_shared_id place_0 = self.id();
  EXPECT_EQ(Member(group, 0).error(), -EBUSY) << "taken, by this process";
  EXPECT_EQ(Child([&] { return -Member(group, 0).error(); }).exit_code(), EBUSY);

  EXPECT_EQ(self.wake(0), -EINVAL);
  EXPECT_EQ(self.wake(place_0 + 2), -EINVAL) << "no such place";
  EXPECT_EQ(self.wake(place_0 + 1), -ESRCH) << "nobody there";
  EXPECT_EQ(self.wake(place_0 + (umcg_shared_id{1} << 32)), -ESRCH) << "another generation";
  EXPECT_EQ(self.swap(place_0), -EINVAL) << "self";
  EXPECT_EQ(umcg_shared_wake(self.task(), 1, place_0), -EINVAL);
  const timespec bad = {.tv_sec = 0, .tv_nsec = 1'000'000'000};
  EXPECT_EQ(umcg_shared_wait(self.task(), 0, 0, &bad), -EINVAL);

  const timespec soon = umcg_test::from_now(20);
  EXPECT_EQ(umcg_shared_wait(self.task(), 0, 0, &soon), -ETIMEDOUT);
  EXPECT_EQ(self.wake(place_0), 0);
  EXPECT_EQ(self.wake(place_0), -EAGAIN);
  EXPECT_EQ(self.wait(), 0) << "and waiting again works";
  // A child has the handle, but not the place.
  EXPECT_EQ(Child([&] { return -self.wake(place_0); }).exit_code(), EINVAL);
}

TEST(SharedGroup, OneThatLeavesEndsTheWaitForIt) {
  const Group group(3);
  const Member self(group, 0);
  umcg_shared_id gone = 0;
  for (const bool here : {true, false}) {
    const auto come_and_go = [&] {
      const Member other(group, 1);
      return other.wait();
    };
    std::thread thread;
    if (here) thread = std::thread(come_and_go);
    std::optional<Child> child;
    if (!here) child.emplace(come_and_go);
    const umcg_shared_id other = self.await(1);
    EXPECT_NE(other, gone) << "a place that is taken again has another id";
    EXPECT_EQ(self.swap(other), -EPIPE);
    EXPECT_EQ(self.swap(other), -ESRCH);
    EXPECT_EQ(self.wake(other), -ESRCH);
    EXPECT_EQ(self.wait(other), -EPIPE);
    if (here) thread.join();
    gone = other;
  }
}

// A wake-up that was given wins over the peer's end, whichever is noticed first.
TEST(SharedGroup, TheDeadWakesToo) {
  const Group group(2);
  const Member self(group, 0);
  Child child([&] {
    const Member other(group, 1);
    const umcg_shared_id parent = other.await(0);
    REQUIRE(other.wait(parent) == 0);
    REQUIRE(other.wake(parent) == 0);
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  const umcg_shared_id other = self.await(1);
  ASSERT_EQ(self.wake(other), 0);
  ASSERT_EQ(child.exit_code(), 1000 + SIGKILL);
  EXPECT_EQ(self.wait(other), 0);
  EXPECT_EQ(self.wait(other), -EPIPE);
  const Member again(group, 1);
  EXPECT_EQ(again.error(), 0) << "the place of the dead is free";
}

// SIGKILL at a random moment: of the one or of the other, who notices it and ends by himself.
TEST(SharedGroup, KilledAtAnyMoment) {
  std::mt19937 random(4711);
  const int before = umcg_test::open_descriptors();
  for (int i = 0; i < umcg_test::kills(); ++i) {
    const Group group(3);
    const auto play = [&](std::uint32_t me) {
      const Member self(group, me);
      REQUIRE(self.error() == 0);
      const umcg_shared_id other = self.await(1 - me);
      int result = me == 0 ? 0 : self.wait(other);
      while (result == 0) result = self.swap(other);
      REQUIRE(result == -EPIPE || result == -ESRCH);
      return 0;
    };
    Child players[] = {Child([&] { return play(0); }), Child([&] { return play(1); })};
    {
      const Member watcher(group, 2);
      watcher.await(0);
      watcher.await(1);
    }
    // At times before the two have met.
    ::usleep(static_cast<useconds_t>(random() % 3000));
    Child& killed = players[random() % 2];
    Child& left = players[&killed == players ? 1 : 0];
    ::kill(killed.pid(), SIGKILL);
    ASSERT_EQ(killed.exit_code(), 1000 + SIGKILL);
    ASSERT_EQ(left.exit_code(), 0) << i;
  }
  EXPECT_EQ(umcg_test::open_descriptors(), before);
}

}  // namespace
