// SPDX-License-Identifier: Apache-2.0
// hostile_peer_test.cc - a member that writes garbage into every shared word disturbs its own group
// and nothing else.
#include <signal.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "group.h"
#include "support/child.h"

namespace {

using umcg_test::Child;
using umcg_test::Group;
using umcg_test::Member;

constexpr std::uint32_t kPlaces = 4;

// Words that mean something are as nasty as those that mean nothing.
std::uint32_t garbage(std::mt19937& random) {
  constexpr std::uint32_t kStates[] = {0, 4, 5, 5 | 1 << 8, 4 | 1 << 11, 1, 2, 0xffffffff};
  return random() % 4 == 0 ? static_cast<std::uint32_t>(random()) : kStates[random() % 8];
}

[[noreturn]] void scribble(const Group& group, std::uint32_t seed) {
  std::mt19937 random(seed);
  const Member self(group, 1);
  // From the header on: the data is preceded by one page of words.
  auto* const words = reinterpret_cast<std::atomic<std::uint32_t>*>(self.data<char>() - 4096);
  for (;;) {
    const std::size_t first = random() % 2 == 0 ? 0 : 16;  // the header too, or the places only
    for (std::size_t i = first; i < 16 * (kPlaces + 1); ++i) {
      if (random() % 2 == 0) words[i].store(garbage(random), std::memory_order_relaxed);
    }
    if (random() % 8 == 0) ::usleep(static_cast<useconds_t>(random() % 200));
  }
}

TEST(HostilePeer, GarbageInEveryWord) {
  const Group bad(kPlaces);
  const Group good(2);
  const Member in_bad(bad, 0);
  const Member in_good(good, 0);
  ASSERT_EQ(in_bad.error(), 0);
  Child scribbler([&]() -> int { scribble(bad, 42); });
  Child partner([&] {
    const Member self(good, 1);
    const umcg_shared_id parent = self.await(0);
    int result = self.wait(parent);
    while (result == 0) result = self.swap(parent);
    return result == -EPIPE || result == -ESRCH ? 0 : 1;
  });

  std::atomic<bool> done{false};
  std::thread in_peace([&] {
    const umcg_shared_id other = in_good.await(1);
    while (!done) ASSERT_EQ(in_good.swap(other), 0);
  });

  // Every call ends, at the latest at its deadline, with an error that it may have.
  std::mt19937 random(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
  for (int calls = 0; calls < 50 || std::chrono::steady_clock::now() < end; ++calls) {
    umcg_shared_id peer = 0;
    const int found = umcg_shared_find(in_bad.task(), random() % kPlaces, &peer);
    ASSERT_TRUE(found == 0 || found == -ESRCH) << found;
    const timespec soon = umcg_test::from_now(2);
    int result = 0;
    switch (random() % 4) {
      case 0:
        result = found == 0 ? in_bad.wake(peer) : 0;
        break;
      case 1:
        result = umcg_shared_wait(in_bad.task(), 0, 0, &soon);
        break;
      case 2:
        result = umcg_shared_wait(in_bad.task(), 0, found == 0 ? peer : 0, &soon);
        break;
      default:
        result = found == 0 ? umcg_shared_swap(in_bad.task(), 0, peer, 0, &soon) : 0;
        break;
    }
    ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -ESRCH || result == -ETIMEDOUT ||
                result == -EPIPE || (result == -EINVAL && found == 0))
        << result;
    umcg_shared_task* late = nullptr;
    const int joined = umcg_shared_join(bad.fd(), 0, UMCG_SHARED_ANY_PLACE, &late);
    ASSERT_TRUE(joined == 0 || joined == -EINVAL || joined == -EBUSY) << joined;
    if (joined == 0) {
      ASSERT_EQ(umcg_shared_leave(late, 0), 0);
    }
  }
  done = true;
  in_peace.join();

  ::kill(scribbler.pid(), SIGKILL);
  EXPECT_EQ(scribbler.exit_code(), 1000 + SIGKILL);
  // What is left of the group works again as soon as nobody writes into it.
  const umcg_shared_id self = in_bad.id();
  EXPECT_EQ(umcg_shared_leave(in_bad.task(), 1), -EINVAL);
  (void)in_bad.wake(self);
  const timespec soon = umcg_test::from_now(20);
  (void)umcg_shared_wait(in_bad.task(), 0, 0, &soon);
  EXPECT_EQ(in_bad.wake(self), 0);
  EXPECT_EQ(in_bad.wait(), 0);
}

}  // namespace
