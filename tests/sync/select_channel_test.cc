// SPDX-License-Identifier: Apache-2.0
// select() over channels: no item is lost or doubled, whichever side selects.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "runtime/waiting/wait_reason.h"
#include "support/crew.h"
#include "support/eventually.h"
#include "support/sanitizers.h"
#include "support/wait_record.h"
#include "umcg/channel.h"
#include "umcg/event.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::Crew;
using SelectChannelTest = umcg_test::CrewTest;
using umcg::internal::WaitReason;
using umcg::internal::WaitRecord;

TEST_P(SelectChannelTest, ReadyCases) {
  umcg::Channel<std::unique_ptr<int>> a(1);
  umcg::Channel<std::unique_ptr<int>> b;
  std::optional<std::unique_ptr<int>> from_a = std::make_unique<int>(-1);
  std::optional<std::unique_ptr<int>> from_b;
  EXPECT_EQ(umcg::try_select({a.on_recv(from_a), b.on_recv(from_b)}), std::nullopt);
  EXPECT_FALSE(from_a.has_value()) << "emptied when the case was made";
  auto item = std::make_unique<int>(7);
  EXPECT_EQ(umcg::select({b.on_send(item), a.on_send(item)}), 1U);
  EXPECT_EQ(item, nullptr);
  item = std::make_unique<int>(8);
  EXPECT_EQ(umcg::try_select({a.on_send(item), b.on_send(item)}), std::nullopt);
  EXPECT_NE(item, nullptr) << "not chosen, not moved from";
  EXPECT_EQ(umcg::select({b.on_recv(from_b), a.on_recv(from_a)}), 1U);
  EXPECT_EQ(**from_a, 7);
  EXPECT_FALSE(from_b.has_value());
}

TEST_P(SelectChannelTest, AClosedChannelIsReady) {
  umcg::Channel<int> open;
  umcg::Channel<int> closed(1);
  ASSERT_TRUE(closed.send(1));
  closed.close();
  std::optional<int> into;
  EXPECT_EQ(umcg::select({open.on_recv(into), closed.on_recv(into)}), 1U);
  EXPECT_EQ(into, 1) << "what was in the buffer still comes out";
  const umcg::SelectCase recv = closed.on_recv(into);
  into = 5;
  EXPECT_EQ(umcg::select({recv}), 0U);
  EXPECT_EQ(into, std::nullopt);
  int item = 6;
  bool sent = true;
  EXPECT_EQ(umcg::select({open.on_recv(into), closed.on_send(item, sent)}), 1U);
  EXPECT_FALSE(sent);
}

TEST_P(SelectChannelTest, CloseWakesASelect) {
  Crew crew(GetParam());
  umcg::Channel<int> open;
  umcg::Channel<int> empty;
  umcg::Channel<std::unique_ptr<int>> full(1);
  ASSERT_TRUE(full.send(nullptr));
  std::atomic<int> started{0};
  crew.start([&] {
    std::optional<int> unused;
    std::optional<int> into;
    ++started;
    EXPECT_EQ(umcg::select({open.on_recv(unused), empty.on_recv(into)}), 1U);
    EXPECT_EQ(into, std::nullopt);
  });
  crew.start([&] {
    std::optional<int> unused;
    auto item = std::make_unique<int>(6);
    bool sent = true;
    ++started;
    EXPECT_EQ(umcg::select({open.on_recv(unused), full.on_send(item, sent)}), 1U);
    EXPECT_FALSE(sent);
    EXPECT_NE(item, nullptr) << "not moved from";
  });
  ASSERT_TRUE(umcg_test::eventually([&] { return started == 2; }));
  umcg::this_fiber::sleep_for(1ms);
  empty.close();
  full.close();
  crew.join();
}

// Both ends of an unbuffered channel in one select: it must not meet itself.
TEST_P(SelectChannelTest, ASelectDoesNotMeetItself) {
  Crew crew(GetParam());
  umcg::Channel<int> channel;
  umcg::Channel<int> other;
  int item = 1;
  std::optional<int> into;
  EXPECT_EQ(umcg::select({channel.on_send(item), channel.on_recv(into), umcg::on_deadline(2ms)}),
            2U);
  // But two of them meet each other, as sender and receiver or the other way round.
  std::atomic<int> sent{0};
  std::atomic<int> received{0};
  const int rounds = umcg_test::scaled(500);
  for (int i = 0; i < 2; ++i) {
    crew.start([&] {
      for (int k = 0; k < rounds; ++k) {
        int mine = 1;
        std::optional<int> theirs;
        if (umcg::select({channel.on_send(mine), channel.on_recv(theirs)}) == 0) {
          ++sent;
        } else {
          received += theirs.value();
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(sent, rounds);
  EXPECT_EQ(received, rounds);
}

// Both sides select over the same unbuffered channels: the senders from one end, the receivers from
// the other. What is at stake is that two selects meet while each is public.
void both_sides_select(umcg_test::CrewCase where, std::size_t capacity) {
  Crew crew(where);
  constexpr int kPairs = 3;
  const int each = umcg_test::scaled(600);
  umcg::Channel<int> a(capacity);
  umcg::Channel<int> b(capacity);
  umcg::Channel<int> c(capacity);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(kPairs * each));
  for (int s = 0; s < kPairs; ++s) {
    crew.start([&, s] {
      for (int i = 0; i < each; ++i) {
        int item = s * each + i;
        bool sent = false;
        (void)umcg::select({a.on_send(item, sent), b.on_send(item, sent), c.on_send(item, sent)});
        EXPECT_TRUE(sent);
        if ((s + i) % 32 == 0) umcg::this_fiber::yield();
      }
    });
    crew.start([&, s] {
      for (int i = 0; i < each; ++i) {
        std::optional<int> into[3];
        const std::size_t chosen =
            umcg::select({c.on_recv(into[2]), b.on_recv(into[1]), a.on_recv(into[0])});
        int items = 0;
        for (auto& item : into) items += item.has_value();
        EXPECT_EQ(items, 1);
        ++seen[static_cast<std::size_t>(into[2 - chosen].value())];
        if ((s + i) % 32 == 7) umcg::this_fiber::yield();
      }
    });
  }
  crew.join();
  for (const auto& count : seen) EXPECT_EQ(count, 1);
}

TEST_P(SelectChannelTest, BothSidesSelectUnbuffered) { both_sides_select(GetParam(), 0); }
TEST_P(SelectChannelTest, BothSidesSelectBuffered) { both_sides_select(GetParam(), 1); }

// A ring of selects, each of which may give to the next or take from the one before: every meeting
// is one of two selects, and there are cycles.
TEST_P(SelectChannelTest, ARingOfSelects) {
  Crew crew(GetParam());
  constexpr std::size_t kRing = 5;
  const int meetings = umcg_test::scaled(500);
  umcg::Channel<int> channels[kRing];
  umcg::Event over;
  std::atomic<int> given{0};
  std::atomic<int> taken{0};
  for (std::size_t i = 0; i < kRing; ++i) {
    crew.start([&, i] {
      for (;;) {
        int mine = 1;
        std::optional<int> theirs;
        switch (umcg::select({channels[i].on_recv(theirs), over.on_set(),
                              channels[(i + 1) % kRing].on_send(mine)})) {
          case 0:
            if (taken += theirs.value(); taken >= meetings) over.set();
            break;
          case 1:
            return;
          default:
            ++given;
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(given, taken);
  EXPECT_GE(taken, meetings);
}

// Selects, plain senders and receivers, timeouts, stops and closing, all at once.
TEST_P(SelectChannelTest, EverythingAtOnce) {
  Crew crew(GetParam());
  const int each = umcg_test::scaled(300);
  umcg::Channel<int> a;
  umcg::Channel<int> b(2);
  umcg::Semaphore sem(0);
  std::atomic<long> sent{0};
  std::atomic<long> received{0};
  std::atomic<int> permits{0};
  std::atomic<int> senders{5};
  const auto finish = [&] {
    if (--senders > 0) return;
    a.close();
    b.close();
  };
  for (int s = 0; s < 3; ++s) {
    crew.start([&, s] {
      for (int i = 1; i <= each; ++i) {
        int item = i;
        bool went = false;
        (void)umcg::select({a.on_send(item, went),
                            umcg::on_deadline(std::chrono::microseconds((i + s) % 50)),
                            b.on_send(item, went)});
        if (went) sent += i;
      }
      finish();
    });
    crew.start([&] {
      for (bool a_open = true, b_open = true; a_open || b_open;) {
        std::optional<int> from_a;
        std::optional<int> from_b;
        std::vector<umcg::SelectCase> cases{sem.on_acquire()};
        if (a_open) cases.push_back(a.on_recv(from_a));
        if (b_open) cases.push_back(b.on_recv(from_b));
        const std::size_t chosen = umcg::select(cases);
        received += from_a.value_or(0) + from_b.value_or(0);
        if (chosen == 0) {
          ++permits;
        } else if (!from_a && !from_b) {
          (a_open && chosen == 1 ? a_open : b_open) = false;
        }
      }
    });
  }
  for (umcg::Channel<int>* channel : {&a, &b}) {
    crew.start([&, channel] {
      for (int i = 1; i <= each; ++i) {
        sem.release();
        if (channel->send(int{i})) sent += i;
      }
      finish();
    });
  }
  crew.join();
  while (sem.try_acquire()) ++permits;
  EXPECT_EQ(sent, received);
  EXPECT_EQ(permits, 2 * each);
}

// The receiver owns the channel and destroys it with the answer in hand, whoever of the two came
// first.
TEST_P(SelectChannelTest, AnAnswerOutlivesItsChannel) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(1500);
  umcg::Channel<umcg::Channel<int>*> questions;
  umcg::Event never;
  crew.start([&] {
    int item = 0;
    for (umcg::Channel<int>* answer : questions) {
      ++item;
      EXPECT_EQ(umcg::select({never.on_set(), answer->on_send(item)}), 1U);
    }
  });
  crew.start([&] {
    for (int i = 1; i <= rounds; ++i) {
      umcg::Channel<int> answer;
      EXPECT_TRUE(questions.send(&answer));
      if (i % 2 == 0) {
        EXPECT_EQ(answer.recv(), i);
      } else {
        std::optional<int> item;
        EXPECT_EQ(umcg::select({answer.on_recv(item), never.on_set()}), 0U);
        EXPECT_EQ(item, i);
      }
    }
    questions.close();
  });
  crew.join();
}

// The one who closes owns the channel, and destroys it while the select is still on its way back.
TEST_P(SelectChannelTest, ASelectOutlivesItsClosedChannel) {
  Crew crew(GetParam());
  const int rounds = umcg_test::scaled(1500);
  umcg::Channel<umcg::Channel<int>*> channels;
  umcg::Channel<const std::atomic<std::uint64_t>*> waiters;
  umcg::Event never;
  crew.start([&] {
    for (umcg::Channel<int>* channel : channels) {
      std::optional<int> item(1);
      EXPECT_TRUE(waiters.send(&umcg_test::own_wait_record()));
      EXPECT_EQ(umcg::select({channel->on_recv(item), never.on_set()}), 0U);
      EXPECT_FALSE(item.has_value());
    }
  });
  crew.start([&] {
    for (int i = 0; i < rounds; ++i) {
      auto channel = std::make_unique<umcg::Channel<int>>();
      EXPECT_TRUE(channels.send(channel.get()));
      const std::atomic<std::uint64_t>& record = **waiters.recv();
      while (WaitRecord(record.load()).reason() != WaitReason::kSelect) umcg::this_fiber::yield();
      channel->close();
    }
    channels.close();
  });
  crew.join();
}

UMCG_INSTANTIATE_CREWS(SelectChannelTest);

// On one server that is never handed over it is known who waits first.
TEST(SelectChannelOrder, ASelectIsServedInItsTurn) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([] {
    umcg::Channel<int> channel;
    umcg::Channel<int> other;
    std::vector<umcg::Fiber<>> receivers;
    for (int i = 0; i < 6; ++i) {
      receivers.push_back(umcg::spawn([&, i] {
        std::optional<int> item;
        std::optional<int> unused;
        if (i % 2 == 0) {
          EXPECT_EQ(umcg::select({other.on_recv(unused), channel.on_recv(item)}), 1U);
        } else {
          item = channel.recv();
        }
        EXPECT_EQ(item, i);
      }));
      umcg::this_fiber::yield();
    }
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(channel.try_send(int{i})) << "somebody waits";
    for (auto& f : receivers) f.join();
    EXPECT_FALSE(other.try_send(1)) << "those that lost are gone";
  });
}

// A producer that waits gives its items to two receivers alike, and takes from channels alike.
TEST(SelectChannelFairness, ReadyChannelsAreServedAlike) {
  umcg::Channel<int> channels[3] = {umcg::Channel<int>(4), umcg::Channel<int>(4),
                                    umcg::Channel<int>(4)};
  for (auto& channel : channels) ASSERT_TRUE(channel.send(0));
  const int rounds = umcg_test::scaled(1'000'000);
  int chosen[3] = {};
  for (int i = 0; i < rounds; ++i) {
    std::optional<int> into;
    const std::size_t which = umcg::select(
        {channels[0].on_recv(into), channels[1].on_recv(into), channels[2].on_recv(into)});
    ++chosen[which];
    ASSERT_TRUE(channels[which].try_send(0));
  }
  for (const int count : chosen) {
    EXPECT_GE(count, rounds * 0.30);
    EXPECT_LE(count, rounds * 0.36);
  }
}

}  // namespace
