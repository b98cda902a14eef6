// SPDX-License-Identifier: Apache-2.0
// Channels and selects against a model that is simple enough to be right: random operations by a
// few fibers, one after the other, on one server that is never handed over. So it is known at each
// step who waits for what, and in which order. After each step the fibers that are through, and
// what they got, must be those of the model.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <vector>

#include "support/sanitizers.h"
#include "umcg/channel.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace {

constexpr std::size_t kChannels = 3;
constexpr std::size_t kCapacities[kChannels] = {0, 1, 3};
constexpr std::size_t kSemaphore = kChannels;  // the object after the channels
constexpr std::size_t kFibers = 6;

// One thing that a fiber wants, of one object.
struct Want {
  std::size_t object = 0;
  bool sends = false;
  int number = 0;  // the item to be sent, or how many permits
};
// How it came out. `which` of the wants; `item` received; `passed` is false at a closed channel.
struct Got {
  std::size_t which = 0;
  bool passed = true;
  std::optional<int> item = std::nullopt;
  bool stopped = false;
  friend bool operator==(const Got&, const Got&) = default;
};

// ---- The model

class Model {
 public:
  // What each fiber that is through by the last step has got.
  std::vector<std::optional<Got>> through{kFibers};

  bool is_ready(const Want& w) const {
    if (w.object == kSemaphore) return semaphore_.empty() && permits_ >= w.number;
    const Channel& c = channels_[w.object];
    if (c.closed) return true;
    return w.sends ? first(w.object, false) != nullptr || c.items.size() < kCapacities[w.object]
                   : !c.items.empty() || first(w.object, true) != nullptr;
  }
  // A want that is ready is done, for a fiber that waits for nothing.
  Got take(const Want& w, std::size_t which) {
    if (w.object == kSemaphore) {
      permits_ -= w.number;
      return {which};
    }
    Channel& c = channels_[w.object];
    if (w.sends) {
      if (c.closed) return {which, false};
      if (const Place* receiver = first(w.object, false)) {
        end(*receiver, {receiver->which, true, w.number});
      } else {
        c.items.push_back(w.number);
      }
      return {which};
    }
    std::optional<int> item;
    if (!c.items.empty()) {
      item = c.items.front();
      c.items.pop_front();
      if (const Place* sender = first(w.object, true)) {
        c.items.push_back(sender->number);
        end(*sender, {sender->which});
      }
    } else if (const Place* sender = first(w.object, true)) {
      item = sender->number;
      end(*sender, {sender->which});
    }
    return {which, item.has_value(), item};
  }
  void wait(std::size_t fiber, const std::vector<Want>& wants) {
    for (std::size_t i = 0; i < wants.size(); ++i) {
      queue(wants[i]).push_back({fiber, i, wants[i].sends, wants[i].number});
    }
  }
  void close(std::size_t channel) {
    channels_[channel].closed = true;
    // All of them at once: none gets what another one leaves behind.
    while (!channels_[channel].waiting.empty()) {
      const Place place = channels_[channel].waiting.front();
      end_one(place, {place.which, false});
    }
    serve_semaphore();
  }
  void release(int n) {
    permits_ += n;
    serve_semaphore();
  }
  void stop(std::size_t fiber) {
    Got got;
    got.stopped = true;
    leave(fiber);
    through[fiber] = got;
    serve_semaphore();  // the one who has left may have stood before smaller requests
  }

 private:
  struct Place {
    std::size_t fiber;
    std::size_t which;
    bool sends;
    int number;
  };
  struct Channel {
    std::deque<int> items;
    std::deque<Place> waiting;
    bool closed = false;
  };

  std::deque<Place>& queue(const Want& w) {
    return w.object == kSemaphore ? semaphore_ : channels_[w.object].waiting;
  }
  const Place* first(std::size_t channel, bool sends) const {
    for (const Place& place : channels_[channel].waiting) {
      if (place.sends == sends) return &place;
    }
    return nullptr;
  }
  void leave(std::size_t fiber) {
    const auto of_fiber = [&](const Place& p) { return p.fiber == fiber; };
    for (Channel& c : channels_) std::erase_if(c.waiting, of_fiber);
    std::erase_if(semaphore_, of_fiber);
  }
  void end_one(Place place, const Got& got) {
    leave(place.fiber);
    through[place.fiber] = got;
  }
  void end(Place place, const Got& got) {
    end_one(place, got);
    serve_semaphore();
  }
  void serve_semaphore() {
    while (!semaphore_.empty() && permits_ >= semaphore_.front().number) {
      const Place place = semaphore_.front();
      permits_ -= place.number;
      end(place, {place.which});
    }
  }

  Channel channels_[kChannels];
  std::deque<Place> semaphore_;
  int permits_ = 0;
};

// ---- The objects

class Objects {
 public:
  // On a fiber.
  Got do_one_of(const std::vector<Want>& wants, const std::stop_token& stop, bool as_select) {
    if (wants.size() == 1 && !as_select) return do_it(wants[0], stop);
    std::vector<umcg::SelectCase> cases;
    std::vector<Slot> slots(wants.size());
    for (std::size_t i = 0; i < wants.size(); ++i) {
      cases.push_back(case_of(wants[i], slots[i]));
    }
    cases.push_back(umcg::on_stop(stop));
    const std::size_t which = umcg::select(cases);
    for (std::size_t i = 0; i < wants.size(); ++i) {
      if (i == which) continue;
      EXPECT_FALSE(slots[i].item.has_value()) << "a case that was not chosen leaves no trace";
      EXPECT_EQ(slots[i].to_send != nullptr, wants[i].sends && wants[i].object != kSemaphore);
    }
    if (which == wants.size()) return stopped();
    const Want& w = wants[which];
    if (w.object == kSemaphore) return {which};
    if (w.sends) return {which, slots[which].sent};
    return received(which, slots[which].item);
  }
  void close(std::size_t channel) { channels_[channel].close(); }
  void release(int n) { semaphore_.release(n); }

 private:
  using Item = std::unique_ptr<int>;
  struct Slot {
    std::optional<Item> item;
    Item to_send;
    bool sent = false;
  };

  static Got stopped() {
    Got got;
    got.stopped = true;
    return got;
  }
  static Got received(std::size_t which, const std::optional<Item>& item) {
    if (!item) return {which, false};
    return {which, true, **item};
  }
  Got do_it(const Want& w, const std::stop_token& stop) {
    umcg::WaitStatus status = umcg::WaitStatus::kReady;
    std::optional<Item> item;
    if (w.object == kSemaphore) {
      status = semaphore_.acquire(stop, {}, w.number);
    } else if (w.sends) {
      status = channels_[w.object].send(std::make_unique<int>(w.number), stop);
    } else {
      status = channels_[w.object].recv(item, stop);
    }
    if (status == umcg::WaitStatus::kStopped) return stopped();
    if (status == umcg::WaitStatus::kClosed) return {0, false};
    return item ? received(0, item) : Got{0};
  }
  umcg::SelectCase case_of(const Want& w, Slot& slot) {
    if (w.object == kSemaphore) return semaphore_.on_acquire(w.number);
    if (!w.sends) return channels_[w.object].on_recv(slot.item);
    slot.to_send = std::make_unique<int>(w.number);
    return channels_[w.object].on_send(slot.to_send, slot.sent);
  }

  umcg::Channel<Item> channels_[kChannels] = {umcg::Channel<Item>(kCapacities[0]),
                                              umcg::Channel<Item>(kCapacities[1]),
                                              umcg::Channel<Item>(kCapacities[2])};
  umcg::Semaphore semaphore_{0};
};

// A fiber that does what it is told, one thing after the other.
struct Hand {
  std::vector<Want> wants;
  bool as_select = false;
  std::stop_source stop;
  std::optional<Got> got;
  bool busy = false;
  umcg::Event go;
};

class Game {
 public:
  explicit Game(unsigned seed) : random_(seed) {
    for (Hand& hand : hands_) {
      fibers_.push_back(umcg::spawn([this, &hand] {
        for (;;) {
          hand.go.wait();
          hand.go.reset();
          if (hand.wants.empty()) return;
          hand.got = objects_.do_one_of(hand.wants, hand.stop.get_token(), hand.as_select);
        }
      }));
    }
  }
  ~Game() {
    for (std::size_t i = 0; i < kFibers; ++i) {
      if (hands_[i].busy) hands_[i].stop.request_stop();
    }
    settle();
    for (Hand& hand : hands_) {
      hand.wants.clear();
      hand.go.set();
    }
  }
  Game(const Game&) = delete;
  Game& operator=(const Game&) = delete;

  void step() {
    const auto kind = random_() % 100;
    const std::size_t i = random_() % kFibers;
    if (kind < 80) {
      if (!hands_[i].busy) begin(i);
    } else if (kind < 90) {
      const int n = 1 + static_cast<int>(random_() % 2);
      objects_.release(n);
      model_.release(n);
    } else if (kind < 99) {
      if (hands_[i].busy) {
        hands_[i].stop.request_stop();
        model_.stop(i);
      }
    } else {
      const std::size_t channel = random_() % kChannels;
      objects_.close(channel);
      model_.close(channel);
    }
    settle();
    compare();
  }

 private:
  void begin(std::size_t i) {
    Hand& hand = hands_[i];
    hand.wants.clear();
    hand.stop = std::stop_source();
    const std::size_t n = random_() % 2 == 0 ? 1 : 1 + random_() % 4;
    for (std::size_t k = 0; k < n; ++k) {
      Want w{random_() % (kChannels + 1), random_() % 2 == 0, ++last_};
      if (w.object == kSemaphore) w = {kSemaphore, false, 1 + static_cast<int>(random_() % 3)};
      // Of two alike any may come first in the queue.
      const auto alike = [&](const Want& x) { return x.object == w.object && x.sends == w.sends; };
      if (std::none_of(hand.wants.begin(), hand.wants.end(), alike)) hand.wants.push_back(w);
    }
    hand.as_select = n > 1 || random_() % 2 == 0;
    hand.busy = true;
    hand.go.set();
    std::vector<bool> ready;
    for (const Want& w : hand.wants) ready.push_back(model_.is_ready(w));
    if (std::find(ready.begin(), ready.end(), true) == ready.end()) {
      model_.wait(i, hand.wants);
      return;
    }
    // Any of those that are ready may be chosen: the model follows.
    settle();
    ASSERT_TRUE(hand.got.has_value()) << "there was something to be had";
    ASSERT_TRUE(!hand.got->stopped && ready[hand.got->which]);
    model_.through[i] = model_.take(hand.wants[hand.got->which], hand.got->which);
  }
  // Until all that can run have run.
  static void settle() {
    for (int k = 0; k < 8; ++k) umcg::this_fiber::yield();
  }
  // A select that waits for both directions of a channel queues them in any order, and when the
  // channel is closed the first in the queue ends it.
  static bool is_right(const Hand& hand, const Got& expected) {
    if (*hand.got == expected) return true;
    const bool both_closed = !hand.got->passed && !expected.passed;
    return both_closed && !hand.got->stopped && !expected.stopped &&
           hand.wants[hand.got->which].object == hand.wants[expected.which].object;
  }
  void compare() {
    for (std::size_t i = 0; i < kFibers; ++i) {
      ASSERT_EQ(hands_[i].got.has_value(), model_.through[i].has_value()) << "fiber " << i;
      if (!hands_[i].got) continue;
      ASSERT_TRUE(is_right(hands_[i], *model_.through[i])) << "fiber " << i;
      hands_[i].got.reset();
      model_.through[i].reset();
      hands_[i].busy = false;
    }
  }

  std::mt19937 random_;
  Objects objects_;
  Model model_;
  Hand hands_[kFibers];
  int last_ = 0;
  std::vector<umcg::Fiber<>> fibers_;  // joined before the rest goes
};

TEST(ChannelModel, RandomOperations) {
  ::unsetenv("UMCG_HANDOFF");  // it would win over the option
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kOff});
  rt.run([] {
    for (int seed = 0; seed < umcg_test::scaled(300); ++seed) {
      Game game(static_cast<unsigned>(seed));
      for (int k = 0; k < 100 && !::testing::Test::HasFatalFailure(); ++k) game.step();
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
    }
  });
}

}  // namespace
