// SPDX-License-Identifier: Apache-2.0
// channels.h - a channel of ints of each implementation that has one: send(), recv().
//
// Unbuffered with capacity 0. Kernel threads have no channel: theirs is the queue that everybody
// writes, with a mutex and two condition variables, and it has a buffer.
#ifndef UMCG_BENCH_COMMON_CHANNELS_H_
#define UMCG_BENCH_COMMON_CHANNELS_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "common/peers.h"
#include "umcg/channel.h"

namespace bench {

class UmcgChannel {
 public:
  explicit UmcgChannel(std::size_t capacity) : channel_(capacity) {}
  void send(int item) { (void)channel_.send(int{item}); }
  int recv() { return channel_.recv().value_or(-1); }

 private:
  umcg::Channel<int> channel_;
};

class LockedQueue {
 public:
  explicit LockedQueue(std::size_t capacity) : capacity_(capacity) {}
  void send(int item) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return items_.size() < capacity_; });
      items_.push_back(item);
    }
    filled_.notify_one();
  }
  int recv() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !items_.empty(); });
    const int item = items_.front();
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<int> items_;
};

// Of an implementation: the channel without a buffer, if it has one, and that with a buffer.
template <class Impl>
struct ChannelsOf;

template <>
struct ChannelsOf<Umcg> {
  using Unbuffered = UmcgChannel;
  using Buffered = UmcgChannel;
};

template <>
struct ChannelsOf<StdThreads> {
  using Buffered = LockedQueue;
};

#ifdef UMCG_HAVE_BOOST_FIBER
class BoostUnbuffered {
 public:
  explicit BoostUnbuffered(std::size_t) {}
  void send(int item) { (void)channel_.push(item); }
  int recv() { return channel_.value_pop(); }

 private:
  boost::fibers::unbuffered_channel<int> channel_;
};

class BoostBuffered {
 public:
  // Boost's ring keeps one cell free, and its size is a power of two.
  explicit BoostBuffered(std::size_t capacity) : channel_(capacity * 2) {}
  void send(int item) { (void)channel_.push(item); }
  int recv() { return channel_.value_pop(); }

 private:
  boost::fibers::buffered_channel<int> channel_;
};

struct BoostChannels {
  using Unbuffered = BoostUnbuffered;
  using Buffered = BoostBuffered;
};
template <>
struct ChannelsOf<BoostFiber> : BoostChannels {};
template <>
struct ChannelsOf<BoostStealing> : BoostChannels {};
template <>
struct ChannelsOf<BoostSharedWork> : BoostChannels {};
#endif

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_CHANNELS_H_
