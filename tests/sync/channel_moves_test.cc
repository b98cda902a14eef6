// SPDX-License-Identifier: Apache-2.0
// Channel: what happens to items, and how often they are moved; moves that throw.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/crew.h"
#include "support/sanitizers.h"
#include "umcg/channel.h"
#include "umcg/select.h"
#include "umcg/this_fiber.h"

namespace {

using umcg_test::Crew;

// Counts what lives. Its move is a copy: one that throws does no harm. A loud one throws when asked
// to; a quiet one promises not to, and goes through the buffer by the short way.
template <bool kQuiet>
struct Counted {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> moves{0};
  static inline std::atomic<int> throw_in{0};  // 1: the next move throws

  explicit Counted(int v) : value(v) { ++alive; }
  Counted(Counted&& other) noexcept(kQuiet) : value(other.value) {
    if constexpr (!kQuiet) {
      if (throw_in > 0 && --throw_in == 0) throw std::runtime_error("a move");
    }
    ++moves;
    ++alive;
  }
  ~Counted() { --alive; }

  int value;
};
using Item = Counted<false>;
using QuietItem = Counted<true>;

class ChannelMovesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Item::moves = 0;
    QuietItem::moves = 0;
    Item::throw_in = 0;
  }
  void TearDown() override {
    EXPECT_EQ(Item::alive, 0);
    EXPECT_EQ(QuietItem::alive, 0);
  }
};

template <class T>
void expect_one_move_or_two() {
  umcg::Runtime rt({.servers = 1});
  umcg::Channel<T> direct;
  auto f = rt.spawn([&] { EXPECT_EQ(direct.recv()->value, 7); });
  EXPECT_TRUE(direct.send(T(7)));
  f.join();
  EXPECT_EQ(T::moves, 1);

  umcg::Channel<T> buffered(1);
  EXPECT_TRUE(buffered.send(T(8)));
  EXPECT_EQ(buffered.recv()->value, 8);
  EXPECT_EQ(T::moves, 3);
}

TEST_F(ChannelMovesTest, OneMoveWhenHandedOverTwoThroughTheBuffer) {
  expect_one_move_or_two<Item>();
  expect_one_move_or_two<QuietItem>();
}

// Round and round in the buffer, which is full and empty in between.
template <class T>
void expect_left_ones_destroyed(std::size_t capacity) {
  umcg::Channel<T> channel(capacity);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(channel.send(T(i)));
    EXPECT_EQ(channel.try_send(T(0)), capacity == umcg::kUnbounded);
    for (int i = 0; i < 600; ++i) EXPECT_EQ(channel.recv()->value, i);
    for (int i = 1000; i < 1600; ++i) EXPECT_TRUE(channel.send(T(i)));
    for (int i = 600; i < 1000; ++i) EXPECT_EQ(channel.recv()->value, i);
    while (channel.size() > 300) (void)channel.recv();
    EXPECT_EQ(T::alive, 300);
    if (round < 2)
      while (channel.try_recv().has_value()) {
      }
  }
}

TEST_F(ChannelMovesTest, ItemsLeftAreDestroyed) {
  for (const std::size_t capacity : {std::size_t{1000}, umcg::kUnbounded}) {
    expect_left_ones_destroyed<Item>(capacity);
    expect_left_ones_destroyed<QuietItem>(capacity);
  }
}

TEST_F(ChannelMovesTest, AnUnboundedOneGrowsAndShrinks) {
  umcg::Channel<std::unique_ptr<int>> channel(umcg::kUnbounded);
  int sent = 0;
  int received = 0;
  for (int round = 1; round < 8; ++round) {
    for (int i = 0; i < 777 * round; ++i) {
      EXPECT_TRUE(channel.send(std::make_unique<int>(sent++)));
    }
    for (int i = 0; i < 700 * round; ++i) EXPECT_EQ(*channel.recv().value(), received++);
  }
  channel.close();
  for (auto& item : channel) EXPECT_EQ(*item, received++);
  EXPECT_EQ(sent, received);
}

TEST_F(ChannelMovesTest, OverAlignedItems) {
  struct alignas(128) Wide {
    int value;
  };
  for (const std::size_t capacity : {std::size_t{3}, umcg::kUnbounded}) {
    umcg::Channel<Wide> channel(capacity);
    EXPECT_TRUE(channel.send(Wide{5}));
    const auto item = channel.recv();
    EXPECT_EQ(item->value, 5);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*item) % 128, 0U);
  }
}

TEST_F(ChannelMovesTest, AThrowIntoTheBufferLeavesTheItemWithTheSender) {
  for (const std::size_t capacity : {std::size_t{2}, umcg::kUnbounded}) {
    umcg::Channel<Item> channel(capacity);
    Item item(1);
    Item::throw_in = 1;
    EXPECT_THROW((void)channel.send(std::move(item)), std::runtime_error);
    EXPECT_TRUE(channel.empty());
    EXPECT_TRUE(channel.send(std::move(item)));
    EXPECT_EQ(channel.size(), 1U);
  }
}

TEST_F(ChannelMovesTest, AThrowOutOfTheBufferLeavesTheItemThere) {
  umcg::Channel<Item> channel(2);
  EXPECT_TRUE(channel.send(Item(1)));
  EXPECT_TRUE(channel.send(Item(2)));
  Item::throw_in = 1;
  EXPECT_THROW((void)channel.recv(), std::runtime_error);
  EXPECT_EQ(channel.size(), 2U);
  Item::throw_in = 1;
  EXPECT_THROW((void)channel.try_recv(), std::runtime_error);
  std::optional<Item> into;
  Item::throw_in = 1;
  EXPECT_THROW((void)umcg::select({channel.on_recv(into)}), std::runtime_error);
  EXPECT_EQ(channel.recv()->value, 1);
  EXPECT_EQ(channel.recv()->value, 2);
}

// The active one gets the exception, the other begins anew.
TEST_F(ChannelMovesTest, AThrowInAHandOver) {
  umcg::Runtime rt({.servers = 1});
  for (const bool by_select : {false, true}) {
    umcg::Channel<Item> channel;
    auto receiver = rt.spawn([&] {
      std::optional<Item> into;
      if (by_select) {
        EXPECT_EQ(umcg::select({channel.on_recv(into)}), 0U);
      } else {
        into.emplace(channel.recv()->value);
      }
      EXPECT_EQ(into->value, 3);
    });
    rt.run([] { umcg::this_fiber::yield(); });
    Item item(3);
    Item::throw_in = 1;
    // The receiver waits, or this waits for him and he gets it.
    try {
      while (!channel.try_send(std::move(item))) umcg::this_fiber::yield();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error&) {
    }
    EXPECT_TRUE(channel.send(std::move(item)));
    receiver.join();

    auto sender = rt.spawn([&] {
      Item mine(4);
      bool sent = false;
      if (by_select) {
        EXPECT_EQ(umcg::select({channel.on_send(mine, sent)}), 0U);
      } else {
        sent = channel.send(std::move(mine));
      }
      EXPECT_TRUE(sent);
    });
    Item::throw_in = 1;
    for (bool thrown = false; !thrown;) {
      try {
        (void)channel.try_recv();
        umcg::this_fiber::yield();
      } catch (const std::runtime_error&) {
        thrown = true;
      }
    }
    EXPECT_EQ(channel.recv()->value, 4);
    sender.join();
  }
}

// A receiver makes room and moves the item of one who waits: that one gets the exception, and the
// next one the room.
TEST_F(ChannelMovesTest, AThrowInARefillIsTheSenders) {
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([] {
    umcg::Channel<Item> channel(1);
    EXPECT_TRUE(channel.send(Item(0)));
    auto first =
        umcg::spawn([&] { EXPECT_THROW((void)channel.send(Item(1)), std::runtime_error); });
    umcg::this_fiber::yield();
    auto second = umcg::spawn([&] { EXPECT_TRUE(channel.send(Item(2))); });
    umcg::this_fiber::yield();
    Item::throw_in = 2;  // the receiver's own, then the refill
    EXPECT_EQ(channel.recv()->value, 0);
    EXPECT_EQ(channel.size(), 1U) << "the second one's";
    EXPECT_EQ(Item::throw_in, 0);
    Item::throw_in = 2;  // the receiver's own, then that of the first one, who begins anew
    EXPECT_EQ(channel.recv()->value, 2);
    umcg::this_fiber::yield();
    first.join();
    second.join();
  });
}

}  // namespace
