// SPDX-License-Identifier: Apache-2.0
// channel.h - Channel<T>: hands items from senders to receivers, with or without a buffer between.
//
//     umcg::Channel<Job> jobs(100);
//     auto worker = umcg::spawn([&] { for (Job& job : jobs) run(job); });
//     if (!jobs.send(Job{42})) report("closed");
//     jobs.close();
//
// Any number of senders and receivers, fibers and threads in any mix. Capacity 0: a sender waits
// until a receiver has taken the item. Otherwise it waits only while `capacity` items lie in the
// buffer; with kUnbounded it never waits. Fairness: items come out in the order in which they went
// in, senders and receivers are served in the order of arrival; an item wakes one receiver and goes
// to it directly. No operation allocates memory, but for an unbounded channel a block of items now
// and then. Whoever knows that no other operation is still to come may destroy the channel as soon
// as his own has returned. Memory order: send() happens before the recv() that takes the item, and
// close() before a recv() that finds the channel closed.
//
// An item is moved under the lock of the channel: the move should be short, and must not use the
// same channel. If it throws, that comes out of the call in which it ran; then the item stays where
// it was, and the channel is as before.
#ifndef UMCG_CHANNEL_H_
#define UMCG_CHANNEL_H_

#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "umcg/internal/channel_core.h"
#include "umcg/internal/channel_items.h"
#include "umcg/internal/config.h"
#include "umcg/internal/select_case.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

// The capacity of a channel whose senders never wait.
inline constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

template <class T>
requires std::is_object_v<T> && std::move_constructible<T>
class Channel {
 public:
  // Throws std::bad_alloc if there is no memory for the buffer.
  explicit Channel(std::size_t capacity = 0) : core_(Items::kOps, capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  // Items left in it are destroyed. Aborts if somebody waits.
  ~Channel() = default;

  // Any fiber or thread, for all of these.

  // May suspend, may migrate. False: the channel is closed, and the item has not been moved from.
  [[nodiscard]] bool send(T&& item) {
    return Items::send(core_, item, nullptr, Deadline()) == WaitStatus::kReady;
  }
  [[nodiscard]] bool send(const T& item) requires std::copy_constructible<T> {
    return send(T(item));
  }
  // Anything but kReady: the item has not been moved from.
  [[nodiscard]] WaitStatus send(T&& item, std::stop_token stop, Deadline deadline = {}) {
    return Items::send(core_, item, &stop, deadline);
  }
  // Never suspends. False: it would have to wait, or the channel is closed.
  [[nodiscard]] bool try_send(T&& item) { return core_.try_send(std::addressof(item)); }

  // May suspend, may migrate. Empty: the channel is closed and nothing is left in it.
  [[nodiscard]] std::optional<T> recv() {
    std::optional<T> item;
    (void)Items::recv(core_, item, nullptr, Deadline());
    return item;
  }
  // `into` holds an item if the answer is kReady, and nothing otherwise.
  [[nodiscard]] WaitStatus recv(std::optional<T>& into, std::stop_token stop,
                                Deadline deadline = {}) {
    into.reset();
    return Items::recv(core_, into, &stop, deadline);
  }
  // Never suspends. Empty: there is nothing now.
  [[nodiscard]] std::optional<T> try_recv() {
    std::optional<T> item;
    (void)core_.try_recv(&item);
    return item;
  }

  // Nothing can be sent any more; what is in the buffer still comes out. Wakes all who wait:
  // blocked senders get false. A second close() changes nothing. Never suspends.
  void close() noexcept { core_.close(); }
  bool is_closed() const noexcept { return core_.is_closed(); }
  // Of the buffer. Only a hint while others send and receive.
  std::size_t size() const noexcept { return core_.size(); }
  bool empty() const noexcept { return size() == 0; }
  std::size_t capacity() const noexcept { return core_.capacity(); }

  // For select(). On a closed channel either case can be done: `sent` tells whether the item went,
  // and `into`, which is emptied here, holds nothing then. If a case is not chosen nothing is
  // moved.
  SelectCase on_send(T& item) noexcept { return core_.on_send(std::addressof(item), nullptr); }
  SelectCase on_send(T&& item) noexcept { return on_send(item); }
  SelectCase on_send(T& item, bool& sent) noexcept {
    return core_.on_send(std::addressof(item), &sent);
  }
  SelectCase on_recv(std::optional<T>& into) noexcept {
    into.reset();
    return core_.on_recv(&into);
  }

  // An input range of all that is received until the channel is closed and empty.
  class iterator {
   public:
    // As std::input_iterator asks.
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    // As an input iterator has them. ++ receives.
    T& operator*() const noexcept { return *item_; }
    T* operator->() const noexcept { return std::addressof(*item_); }
    iterator& operator++() {
      item_.reset();
      (void)Items::recv(*core_, item_, nullptr, Deadline());
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return !i.item_.has_value();
    }

   private:
    friend Channel;
    explicit iterator(internal::ChannelCore& core) : core_(&core) { ++*this; }

    internal::ChannelCore* core_;
    mutable std::optional<T> item_;
  };
  // Receives the first item.
  iterator begin() { return iterator(core_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  using Items = internal::ChannelItems<T>;

  internal::ChannelCore core_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_CHANNEL_H_
