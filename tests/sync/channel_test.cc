// SPDX-License-Identifier: Apache-2.0
// Channel: every item comes out once, in order, whoever sends and receives.
#include "umcg/channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iterator>
#include <memory>
#include <numeric>
#include <ranges>
#include <string>
#include <vector>

#include "support/crew.h"
#include "support/death.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg::WaitStatus;
using umcg_test::Crew;
using ChannelTest = umcg_test::CrewTest;

static_assert(std::ranges::input_range<umcg::Channel<std::unique_ptr<int>>>);

const std::size_t kCapacities[] = {0, 1, 7, umcg::kUnbounded};

TEST_P(ChannelTest, OneToOneInOrder) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(1000);
  for (const std::size_t capacity : kCapacities) {
    umcg::Channel<std::unique_ptr<int>> channel(capacity);
    crew.start([&] {
      for (int i = 0; i < rounds; ++i) ASSERT_TRUE(channel.send(std::make_unique<int>(i)));
      channel.close();
    });
    crew.start([&] {
      int expected = 0;
      for (auto& item : channel) EXPECT_EQ(*item, expected++);
      EXPECT_EQ(expected, rounds);
      EXPECT_EQ(channel.recv(), std::nullopt);
    });
    crew.join();
  }
}

// Of each sender's items each receiver sees the later ones later, and all come out once.
TEST_P(ChannelTest, ManyToMany) {
  Crew crew(GetParam());
  constexpr int kSenders = 4;
  constexpr int kReceivers = 3;
  const int each = umcg_test::scaled(600);
  for (const std::size_t capacity : kCapacities) {
    umcg::Channel<int> channel(capacity);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(kSenders * each));
    std::atomic<int> senders{kSenders};
    for (int s = 0; s < kSenders; ++s) {
      crew.start([&, s] {
        for (int i = 0; i < each; ++i) {
          EXPECT_TRUE(channel.send(s * each + i));
          if ((s + i) % 16 == 0) umcg::this_fiber::yield();
        }
        if (--senders == 0) channel.close();
      });
    }
    for (int r = 0; r < kReceivers; ++r) {
      crew.start([&, r] {
        int last[kSenders] = {-1, -1, -1, -1};
        while (auto item = channel.recv()) {
          ++seen[static_cast<std::size_t>(*item)];
          EXPECT_GT(*item, last[*item / each]);
          last[*item / each] = *item;
          if ((r + *item) % 16 == 0) umcg::this_fiber::yield();
        }
      });
    }
    crew.join();
    for (const auto& count : seen) EXPECT_EQ(count, 1);
  }
}

TEST_P(ChannelTest, BoundsAndTries) {
  umcg::Channel<std::string> unbuffered;
  EXPECT_FALSE(unbuffered.try_send("nobody waits"));
  EXPECT_EQ(unbuffered.try_recv(), std::nullopt);
  EXPECT_EQ(unbuffered.capacity(), 0U);

  umcg::Channel<std::string> two(2);
  const std::string copied = "b";
  EXPECT_TRUE(two.send("a"));
  EXPECT_TRUE(two.send(copied));
  EXPECT_EQ(copied, "b");
  std::string third = "a third one that is too long to lie in the string itself";
  EXPECT_FALSE(two.try_send(std::move(third)));
  EXPECT_EQ(two.send(std::move(third), {}, 1ms), WaitStatus::kTimeout);
  EXPECT_EQ(third.substr(0, 7), "a third") << "not moved from";
  EXPECT_EQ(two.size(), 2U);
  EXPECT_EQ(two.recv(), "a");
  EXPECT_TRUE(two.try_send(std::move(third)));
  EXPECT_EQ(two.try_recv(), "b");
  EXPECT_EQ(two.recv()->substr(0, 7), "a third");
  EXPECT_TRUE(two.empty());
}

TEST_P(ChannelTest, CloseLetsTheBufferOutAndWakesSenders) {
  Crew crew(GetParam());
  umcg::Channel<std::unique_ptr<int>> channel(1);
  ASSERT_TRUE(channel.send(std::make_unique<int>(1)));
  std::atomic<int> started{0};
  for (int i = 0; i < 4; ++i) {
    crew.start([&] {
      auto item = std::make_unique<int>(2);
      ++started;
      EXPECT_FALSE(channel.send(std::move(item)));
      EXPECT_NE(item, nullptr) << "not moved from";
    });
  }
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 4; }));
  umcg::this_fiber::sleep_for(1ms);
  EXPECT_FALSE(channel.is_closed());
  channel.close();
  channel.close();
  EXPECT_TRUE(channel.is_closed());
  crew.join();
  EXPECT_EQ(*channel.recv().value(), 1);
  EXPECT_EQ(channel.recv(), std::nullopt);
  std::optional<std::unique_ptr<int>> item;
  EXPECT_EQ(channel.recv(item, {}), WaitStatus::kClosed);
  EXPECT_EQ(channel.send(nullptr, {}), WaitStatus::kClosed);
  EXPECT_FALSE(channel.try_send(nullptr));
}

TEST_P(ChannelTest, CloseWakesReceivers) {
  Crew crew(GetParam());
  for (const std::size_t capacity : kCapacities) {
    umcg::Channel<int> channel(capacity);
    for (int i = 0; i < 4; ++i) crew.start([&] { EXPECT_EQ(channel.recv(), std::nullopt); });
    umcg::this_fiber::sleep_for(500us);
    channel.close();
    crew.join();
  }
}

// Timeouts, closing and hand-overs at once: what was sent was received or is still there.
TEST_P(ChannelTest, NothingIsLostToWaitsThatGiveUp) {
  Crew crew(GetParam());
  const int each = umcg_test::scaled(300);
  for (const std::size_t capacity : kCapacities) {
    umcg::Channel<int> channel(capacity);
    std::atomic<long> sent{0};
    std::atomic<long> received{0};
    for (int s = 0; s < 3; ++s) {
      crew.start([&, s] {
        for (int i = 1; i <= each; ++i) {
          int item = i;
          switch (channel.send(std::move(item), {}, std::chrono::microseconds(1 + (s + i) % 30))) {
            case WaitStatus::kReady:
              sent += i;
              break;
            case WaitStatus::kClosed:
              return;
            default:
              break;
          }
        }
      });
      crew.start([&, s] {
        std::optional<int> item;
        for (;;) {
          switch (channel.recv(item, {}, std::chrono::microseconds(1 + (s * 7 + received) % 30))) {
            case WaitStatus::kReady:
              received += *item;
              break;
            case WaitStatus::kClosed:
              return;
            default:
              EXPECT_EQ(item, std::nullopt);
          }
        }
      });
    }
    crew.start([&] {
      umcg::this_fiber::sleep_for(3ms);
      channel.close();
    });
    crew.join();
    EXPECT_EQ(sent, received);
  }
}

// Whoever hands over must not touch what the receiver then destroys.
TEST_P(ChannelTest, MayBeDestroyedOnceTheLastItemIsThere) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(2000);
  std::atomic<umcg::Channel<int>*> shared{nullptr};
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      umcg::Channel<int> channel(static_cast<std::size_t>(i % 3));
      shared = &channel;
      EXPECT_EQ(channel.recv(), i);
    }
  });
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      umcg::Channel<int>* channel;
      while ((channel = shared.exchange(nullptr)) == nullptr) umcg::this_fiber::yield();
      EXPECT_TRUE(channel->send(i));
    }
  });
  crew.join();
}

UMCG_INSTANTIATE_CREWS(ChannelTest);

// On one server that is never handed over it is known who waits first.
class ChannelOrderTest : public ::testing::Test {
 protected:
  void SetUp() override { ::unsetenv("UMCG_HANDOFF"); }  // it would win over the option
};

TEST_F(ChannelOrderTest, ReceiversAreServedInOrderAndWokenOncePerItem) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([&] {
    umcg::Channel<int> channel;
    std::vector<int> order;
    std::vector<umcg::Fiber<>> receivers;
    for (int i = 0; i < 5; ++i) {
      receivers.push_back(umcg::spawn([&, i] {
        EXPECT_EQ(channel.recv(), i);
        order.push_back(i);
      }));
      umcg::this_fiber::yield();
    }
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(channel.send(i)) << "a receiver waits: no suspension";
      EXPECT_EQ(order.size(), 0U);
    }
    for (auto& f : receivers) f.join();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  });
}

TEST_F(ChannelOrderTest, SendersAreServedInOrder) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([&] {
    for (const std::size_t capacity : {0, 2}) {
      umcg::Channel<int> channel(capacity);
      std::vector<umcg::Fiber<>> senders;
      for (int i = 0; i < 6; ++i) {
        senders.push_back(umcg::spawn([&, i] { EXPECT_TRUE(channel.send(i)); }));
        umcg::this_fiber::yield();
      }
      EXPECT_EQ(channel.size(), capacity);
      for (int i = 0; i < 6; ++i) EXPECT_EQ(channel.recv(), i);
      for (auto& f : senders) f.join();
    }
  });
}

class ChannelDeathTest : public umcg_test::DeathTest {};

TEST_F(ChannelDeathTest, DestroyedWhileSomebodyWaits) {
  EXPECT_DEATH(
      {
        ::unsetenv("UMCG_HANDOFF");  // it would win over the option
        umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
        rt.run([] {
          auto channel = std::make_unique<umcg::Channel<int>>();
          auto f = umcg::spawn([c = channel.get()] { (void)c->recv(); });
          umcg::this_fiber::yield();  // when it returns f waits
          channel.reset();
          ::abort();
        });
      },
      "Channel: destroyed while somebody waits");
}

TEST(ChannelMemoryTest, ABufferThatCannotBe) {
  EXPECT_THROW(umcg::Channel<std::string> channel(umcg::kUnbounded - 1), std::bad_alloc);
}

}  // namespace
