// SPDX-License-Identifier: Apache-2.0
// One lock, two lists of those who wait, and the buffer. Whoever comes is active: under the lock he
// claims the first who waits on the other side and moves the item for both, from the sender's own
// object into the receiver's. Those who wait are passive: all that is left to them is to return. So
// an item that is handed over wakes one receiver and is moved once, and nobody can snatch it.
//
// Under the lock, but for nodes whose wait is over already:
//   receivers wait only if the buffer is empty; senders wait only if it is full (unbuffered:
//   always); senders and receivers never both wait, unless they are cases of one and the same
//   select.
// Who writes: everything is written under the lock. A receiver that takes the first of a full
// buffer moves the item of the first waiting sender into it (refill), hence first in, first out
// over all.
//
// A move that throws. The item stays where it was, and the exception goes to the active one. The
// other was claimed before the move began, since only one that is claimed cannot leave in the
// middle of it; he finds kCameToNothing in his node and begins anew, at the head. Of a refill
// nobody need hear: the sender, beginning anew, makes the same move and gets the exception himself.
// The item's move runs under the lock. Rejected: reserving a cell and moving outside, which takes
// two rounds of the lock for each item, and makes those who come next wait for whoever is in his
// move. Who blocks in a move loses his server, not the CPU; others then sleep on the lock.
//
// The short way (begin_send() to end_recv()). With nobody waiting, most operations only fill a cell
// or empty one. Where the item's move throws nothing the template makes it, between a call that
// locks and one that unlocks: no call through ops_, no list of the claimed. Whatever needs more
// than that goes on from there by the long way, under the lock it has.
//
// The end of a channel. An exchange may be the last, and either party may be the one who knows it
// and destroys the channel as soon as his call has returned: think of a channel for one answer. So
// the active one touches nothing of it after the lock, and the passive one touches nothing of it at
// all. He cannot pass through the lock to learn that the active one has left it (waiter.h), so he
// is told by a word of his own: let_go().
//
// Two selects. On an unbuffered channel an item needs two parties, and if both are selects each may
// at any moment be given something by another object. One claim of two waiters at once is not to be
// had without a lock over both. But a select that is alone (select_ops.h) needs one claim only. So:
// a public one that would queue up and finds the other side waiting
//   - goes, and comes back alone, if the other is no select, or one at a lower address;
//   - else sends the other away by claiming it with kRetry, and queues up.
// Either way one of the two stays queued and the other tries again, alone, and finds it, unless
// somebody else was faster. The order by address is what keeps two from sending each other away for
// ever: of all selects that meet, the one at the lowest address is never sent away, so if none of
// the others gets anywhere, the one that gives way to it does. Neither can be missed: under the
// lock either is there, or it comes later and looks. Rejected: taking the locks of all channels in
// the order of addresses (no object could then be waited for but a channel, and a select of n holds
// n locks); a third state of a waiter, "being claimed", for which everybody else would have to
// wait. Model: tests/models/select.pml.
//
// Orders: the lock's. closed_ is also read without it: the release of close() pairs with
// is_closed().
#include "umcg/internal/channel_core.h"

#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/base/report.h"
#include "runtime/sync/select_ops.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uintptr_t kNoList = 0;  // what the lock's word is but for the lock

// WaitNode::token is the item, or where it is to go; amount holds these.
constexpr std::int64_t kOfSelect = 1;
constexpr std::int64_t kCameToNothing = 2;

void* item_of(const WaitNode& node) noexcept { return reinterpret_cast<void*>(node.token); }

// Marks a node whose claim was won until its item has been moved.
class Handing {
 public:
  explicit Handing(WaitNode& node) noexcept : node_(node) { node_.amount |= kCameToNothing; }
  Handing(const Handing&) = delete;
  Handing& operator=(const Handing&) = delete;
  void succeeded() noexcept { node_.amount &= ~kCameToNothing; }

 private:
  WaitNode& node_;
};

WaitNode* first_of_others(WaitNode* first, const Waiter* me) noexcept {
  WaitNode* node = first;
  while (node != nullptr && node->waiter == me) node = node->next != first ? node->next : nullptr;
  return node;
}

}  // namespace

// The lock. Whoever was claimed in it is let go and woken after it.
class ChannelCore::Section {
 public:
  explicit Section(ChannelCore& channel) noexcept
      : channel_(channel), lock_(std::in_place, channel.lock_) {}
  // The lock is held already.
  Section(ChannelCore& channel, std::adopt_lock_t /*held*/) noexcept
      : channel_(channel), lock_(std::in_place, channel.lock_, kNoList) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  ~Section() {
    if (lock_) end();
  }
  void begin() { lock_.emplace(channel_.lock_); }
  void end() noexcept {
    lock_.reset();
    while (claimed_ != nullptr) {
      Waiter& waiter = *claimed_->waiter;
      claimed_ = claimed_->next;
      waiter.let_go();
    }
    wakeups_.deliver();
  }

  // Takes nodes off the list until one is claimed. Null: nobody is left.
  WaitNode* claim_first(Side side) noexcept {
    while (WaitNode* const node = channel_.waiting_[side]) {
      if (claim(side, *node, kGranted)) return node;
    }
    return nullptr;
  }
  bool claim(Side side, WaitNode& node, Outcome code) noexcept {
    remove(channel_.waiting_[side], node);
    if (!wakeups_.claim(node, code)) return false;
    node.next = claimed_;
    claimed_ = &node;
    return true;
  }
  // A select that is sent away comes back to the lock by itself.
  void send_away(Side side, WaitNode& node) noexcept {
    remove(channel_.waiting_[side], node);
    (void)wakeups_.claim(node, kRetry);
  }

 private:
  ChannelCore& channel_;
  Wakeups wakeups_;
  std::optional<QueueLock> lock_;
  WaitNode* claimed_ = nullptr;  // linked by next
};

ChannelCore::ChannelCore(const ItemOps& ops, std::size_t capacity)
    : ops_(ops), items_(ops, capacity) {}

ChannelCore::~ChannelCore() {
  // So that the answer is right also when somebody has only just begun to wait.
  const QueueLock lock(lock_);
  if (waiting_[kSenders] != nullptr || waiting_[kReceivers] != nullptr) {
    die("Channel: destroyed while somebody waits for it");
  }
}

WaitStatus ChannelCore::status_of(Attempt attempt) noexcept {
  return attempt == Attempt::kDone ? WaitStatus::kReady : WaitStatus::kClosed;
}

ChannelCore::Attempt ChannelCore::attempt(Side side, void* item, Section& section) {
  return side == kSenders ? send_now(item, section) : recv_now(item, section);
}

ChannelCore::Attempt ChannelCore::send_now(void* item, Section& section) {
  if (closed_.load(std::memory_order_relaxed)) return Attempt::kClosed;
  if (WaitNode* const receiver = section.claim_first(kReceivers)) {
    Handing handing(*receiver);
    ops_.take(item_of(*receiver), item);
    handing.succeeded();
    return Attempt::kDone;
  }
  if (items_.is_full()) return Attempt::kMustWait;
  items_.push(item);
  return Attempt::kDone;
}

ChannelCore::Attempt ChannelCore::recv_now(void* into, Section& section) {
  if (!items_.is_empty()) {
    items_.pop(into);
    if (waiting_[kSenders] != nullptr) refill(section);
    return Attempt::kDone;
  }
  if (WaitNode* const sender = section.claim_first(kSenders)) {
    Handing handing(*sender);
    ops_.take(into, item_of(*sender));
    handing.succeeded();
    return Attempt::kDone;
  }
  return closed_.load(std::memory_order_relaxed) ? Attempt::kClosed : Attempt::kMustWait;
}

void ChannelCore::refill(Section& section) noexcept {
  while (!items_.is_full()) {
    WaitNode* const sender = section.claim_first(kSenders);
    if (sender == nullptr) return;
    Handing handing(*sender);
    try {
      items_.push(item_of(*sender));
      handing.succeeded();
    } catch (...) {
      continue;  // the sender's own affair; the cell is for the next
    }
  }
}

template <ChannelCore::Side kSide>
WaitStatus ChannelCore::wait(void* item, const std::stop_token* stop, Deadline deadline,
                             Section& section) {
  const Attempt result = attempt(kSide, item, section);
  if (result != Attempt::kMustWait) return status_of(result);
  return wait_in_line(kSide, item, stop, deadline, section);
}

// In the section; after it unless there is no wait at all.
[[gnu::noinline]] WaitStatus ChannelCore::wait_in_line(Side side, void* item,
                                                       const std::stop_token* stop,
                                                       Deadline deadline, Section& section) {
  for (bool again = false;; again = true) {
    if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
      return early;
    }
    Waiter waiter(WaitReason::kChannel, this);
    WaitNode node{.waiter = &waiter, .token = reinterpret_cast<std::uintptr_t>(item)};
    (again ? push_front : push_back)(waiting_[side], node);
    section.end();
    const Outcome outcome = waiter.wait(stop, deadline);
    if (outcome == kTimedOut || outcome == kStopAsked) {
      QueueLock lock(lock_);
      if (node.linked) remove(waiting_[side], node);
    } else {
      waiter.wait_until_let_go();
    }
    if (outcome != kGranted || (node.amount & kCameToNothing) == 0) return to_status(outcome);
    section.begin();
    const Attempt result = attempt(side, item, section);
    if (result != Attempt::kMustWait) return status_of(result);
  }
}

WaitStatus ChannelCore::send(void* item, const std::stop_token* stop, Deadline deadline) {
  Section section(*this);
  return wait<kSenders>(item, stop, deadline, section);
}

WaitStatus ChannelCore::recv(void* into, const std::stop_token* stop, Deadline deadline) {
  Section section(*this);
  return wait<kReceivers>(into, stop, deadline, section);
}

void* ChannelCore::begin_send() noexcept {
  (void)QueueLock::lock(lock_);
  if (waiting_[kReceivers] != nullptr || closed_.load(std::memory_order_relaxed)) return nullptr;
  return items_.next_cell();
}

void ChannelCore::end_send() noexcept {
  items_.note_pushed();
  const QueueLock unlocks(lock_, kNoList);
}

WaitStatus ChannelCore::go_on_sending(void* item, const std::stop_token* stop, Deadline deadline) {
  Section section(*this, std::adopt_lock);
  return wait<kSenders>(item, stop, deadline, section);
}

void* ChannelCore::begin_recv() noexcept {
  (void)QueueLock::lock(lock_);
  return waiting_[kSenders] != nullptr ? nullptr : items_.first_item();
}

void ChannelCore::end_recv() noexcept {
  items_.note_popped();
  const QueueLock unlocks(lock_, kNoList);
}

WaitStatus ChannelCore::go_on_receiving(void* into, const std::stop_token* stop,
                                        Deadline deadline) {
  Section section(*this, std::adopt_lock);
  return wait<kReceivers>(into, stop, deadline, section);
}

bool ChannelCore::try_send(void* item) {
  Section section(*this);
  return send_now(item, section) == Attempt::kDone;
}

bool ChannelCore::try_recv(void* into) {
  Section section(*this);
  return recv_now(into, section) == Attempt::kDone;
}

void ChannelCore::close() noexcept {
  Section section(*this);
  closed_.store(true, std::memory_order_release);
  for (const Side side : {kSenders, kReceivers}) {
    while (waiting_[side] != nullptr) section.claim(side, *waiting_[side], kShut);
  }
}

// Under the lock. For a public select that is about to queue up on an unbuffered channel: see "Two
// selects" above.
bool ChannelCore::nobody_to_meet(Side side, const WaitNode& mine, Section& section) noexcept {
  const Side other = side == kSenders ? kReceivers : kSenders;
  while (WaitNode* const theirs = first_of_others(waiting_[other], mine.waiter)) {
    if ((theirs->amount & kOfSelect) == 0 ||
        std::less<const Waiter*>()(theirs->waiter, mine.waiter)) {
      return false;
    }
    section.send_away(other, *theirs);
  }
  return true;
}

template <ChannelCore::Side kSide>
struct ChannelCore::Case {
  static ChannelCore& of(const SelectCase& c) noexcept {
    return *static_cast<ChannelCore*>(c.object);
  }
  // Tells the user whether something has passed, or the channel is closed; it may be gone by now.
  static void tell(const SelectCase& c, bool passed) noexcept {
    if (kSide == kReceivers && !passed) c.items->clear(c.value);
    if (c.told != nullptr) *c.told = passed;
  }
  static bool try_now(const SelectCase& c) {
    Attempt result = Attempt::kMustWait;
    {
      Section section(of(c));
      result = of(c).attempt(kSide, c.value, section);
    }
    if (result == Attempt::kMustWait) return false;
    tell(c, result == Attempt::kDone);
    return true;
  }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    ChannelCore& channel = of(c);
    Section section(channel);
    const bool must_wait = kSide == kSenders ? channel.items_.is_full() : channel.items_.is_empty();
    if (!must_wait || channel.closed_.load(std::memory_order_relaxed) ||
        !channel.nobody_to_meet(kSide, node, section)) {
      return false;
    }
    node.token = reinterpret_cast<std::uintptr_t>(c.value);
    node.amount = kOfSelect;
    push_back(channel.waiting_[kSide], node);
    return true;
  }
  static void withdraw(const SelectCase& c, WaitNode& node) noexcept {
    QueueLock lock(of(c).lock_);
    if (node.linked) remove(of(c).waiting_[kSide], node);
  }
  static bool complete(const SelectCase& c, WaitNode& node, Outcome code) noexcept {
    node.waiter->wait_until_let_go();
    if ((node.amount & kCameToNothing) != 0) return false;
    tell(c, code == kGranted);
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

SelectCase ChannelCore::on_send(void* item, bool* sent) noexcept {
  return {.ops = &Case<kSenders>::kOps, .object = this, .value = item, .told = sent};
}

SelectCase ChannelCore::on_recv(void* into) noexcept {
  return {.ops = &Case<kReceivers>::kOps, .object = this, .value = into, .items = &ops_};
}

}  // namespace umcg::inline v0::internal
