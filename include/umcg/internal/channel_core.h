// SPDX-License-Identifier: Apache-2.0
// channel_core.h - ChannelCore: a channel of items whose type it does not know. The protocol is in
// src/runtime/sync/channel_core.cc.
#ifndef UMCG_INTERNAL_CHANNEL_CORE_H_
#define UMCG_INTERNAL_CHANNEL_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/item_queue.h"
#include "umcg/internal/select_case.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

struct WaitNode;

// `item` is a T*, `into` a std::optional<T>*. What is not noexcept may throw what moving an item
// throws, and std::bad_alloc if there is no bound.
class UMCG_API ChannelCore {
 public:
  enum Side : std::uint8_t { kSenders, kReceivers };

  ChannelCore(const ItemOps& ops, std::size_t capacity);
  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;
  ~ChannelCore();

  // Without a stop: never interrupted.
  WaitStatus send(void* item, const std::stop_token* stop, Deadline deadline);
  WaitStatus recv(void* into, const std::stop_token* stop, Deadline deadline);
  // The same in steps, for items whose move throws nothing: the caller moves, under the lock that
  // the first step takes. A cell to be filled (an item to be moved out and destroyed), and then
  // the second step unlocks; or null, and then the other one goes on from there.
  void* begin_send() noexcept;
  void end_send() noexcept;
  WaitStatus go_on_sending(void* item, const std::stop_token* stop, Deadline deadline);
  void* begin_recv() noexcept;
  void end_recv() noexcept;
  WaitStatus go_on_receiving(void* into, const std::stop_token* stop, Deadline deadline);

  bool try_send(void* item);
  bool try_recv(void* into);
  SelectCase on_send(void* item, bool* sent) noexcept;
  SelectCase on_recv(void* into) noexcept;

  void close() noexcept;
  bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  std::size_t size() const noexcept { return items_.size(); }
  std::size_t capacity() const noexcept { return items_.capacity(); }

 private:
  enum class Attempt : std::uint8_t { kDone, kClosed, kMustWait };
  class Section;
  template <Side>
  struct Case;

  static WaitStatus status_of(Attempt attempt) noexcept;  // that need not wait
  Attempt attempt(Side side, void* item, Section& section);
  Attempt send_now(void* item, Section& section);
  Attempt recv_now(void* into, Section& section);
  void refill(Section& section) noexcept;
  bool nobody_to_meet(Side side, const WaitNode& mine, Section& section) noexcept;
  template <Side kSide>
  WaitStatus wait(void* item, const std::stop_token* stop, Deadline deadline, Section& section);
  WaitStatus wait_in_line(Side side, void* item, const std::stop_token* stop, Deadline deadline,
                          Section& section);

  const ItemOps& ops_;
  WaitQueue lock_;  // its list is not used
  // Under the lock.
  WaitNode* waiting_[2] = {nullptr, nullptr};
  ItemQueue items_;
  std::atomic<bool> closed_{false};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_CHANNEL_CORE_H_
