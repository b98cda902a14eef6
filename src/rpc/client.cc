// SPDX-License-Identifier: Apache-2.0
// client.cc - calls of one process, by any number of fibers and threads.
//
// One of those that wait is the *leader*: it sleeps in the kernel until the server wakes the
// process, takes all responses and tells the others, who are parked. When it has what it waited
// for it makes another one leader. So a lone caller is woken straight by the server, and many share
// one wake-up. (Rejected: a service thread that waits for all: one more switch for each call.)
//
// All that several callers touch is under one mutex, which is never held while anybody waits, but
// for the words in shared memory.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rpc/region.h"
#include "umcg/blocking.h"
#include "umcg/event.h"
#include "umcg/mutex.h"

namespace umcg::inline v0::rpc {
namespace {

timespec to_timespec(Deadline deadline) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.tv_sec = deadline.ns() / kSecond, .tv_nsec = deadline.ns() % kSecond};
}

absl::Status to_status(WaitStatus status) {
  switch (status) {
    case WaitStatus::kTimeout:
      return absl::DeadlineExceededError("the deadline has passed");
    case WaitStatus::kStopped:
      return absl::CancelledError("a stop was requested");
    case WaitStatus::kClosed:
      return absl::UnavailableError("the server has ended");
    case WaitStatus::kReady:
      break;
  }
  return absl::OkStatus();
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(Region region)
      : region_(std::move(region)),
        layout_(region_.options()),
        member_(region_, 1, region_.options().clients),
        area_(layout_.area(member_.data(), member_.place() - 1)),
        free_(all_slots()),
        calls_(region_.options().slots) {}

  absl::StatusOr<std::size_t> call(std::span<const std::byte> in, std::span<std::byte> out,
                                   const std::stop_token& stop, Deadline deadline) {
    if (in.size() > region_.options().max_payload) {
      return absl::InvalidArgumentError("the request is too long for the region");
    }
    Call me(stop, deadline);
    absl::Status status = get_slot(me);
    if (!status.ok()) return status;

    Slot& slot = layout_.slot(area_, me.slot);
    if (!in.empty()) std::memcpy(Layout::payload(slot), in.data(), in.size());
    slot.size.store(static_cast<std::uint32_t>(in.size()), std::memory_order_relaxed);
    if (publish(me) && umcg_shared_wake(member_.task(), 0, me.server) == -ESRCH) {
      server_has_ended(me);
    }
    status = to_status(wait(me, [&] { return me.answered; }));
    absl::StatusOr<std::size_t> result =
        status.ok() ? read_response(slot, out) : absl::StatusOr<std::size_t>(status);
    leave_slot(me);
    return result;
  }

 private:
  struct Call {
    Call(const std::stop_token& s, Deadline d) : stop(s), deadline(d) {}
    const std::stop_token& stop;
    const Deadline deadline;
    Event turn;           // of one who is parked: look again
    bool parked = false;  // and from here on: under mutex_
    bool answered = false;
    bool closed = false;  // the server that has the slot has ended
    umcg_shared_id server = 0;
    std::uint32_t slot = 0;
  };

  static std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << slot; }
  std::uint64_t all_slots() const { return ~std::uint64_t{0} >> (64 - region_.options().slots); }

  // A server that has welcomed us, and a slot that nobody uses.
  absl::Status get_slot(Call& me) {
    if (absl::Status status = find_server(me); !status.ok()) return status;
    bool closed = false;  // what is in `me` may be written by others once it has a slot
    const WaitStatus status = wait(me, [&] {
      closed = me.closed = server_ != me.server;
      if (closed || free_ == 0) return closed;
      me.slot = static_cast<std::uint32_t>(std::countr_zero(free_));
      free_ &= ~bit(me.slot);
      calls_[me.slot] = &me;
      return true;
    });
    return to_status(closed ? WaitStatus::kClosed : status);
  }

  absl::Status find_server(Call& me) {
    {
      const std::lock_guard lock(mutex_);
      me.server = server_;
      if (me.server != 0) return absl::OkStatus();
      if (umcg_shared_find(member_.task(), kServerPlace, &me.server) != 0) {
        return absl::UnavailableError("there is no server");
      }
      // Under the lock, lest an older server's name comes after a newer one's. seq_cst: the last
      // handler of a former client looks at it.
      area_.hello.store(make_hello(me.server, member_.id()));
    }
    const int woken = umcg_shared_wake(member_.task(), 0, me.server);
    if (woken != 0 && woken != -EAGAIN) return absl::UnavailableError("there is no server");
    const std::uint64_t expected = make_hello(me.server, member_.id());
    return to_status(wait(me, [&] {
      // acquire: pairs with the server's release.
      if (area_.welcome.load(std::memory_order_acquire) != expected) return false;
      server_ = me.server;
      wake_all();  // who waits for a server as well
      return true;
    }));
  }

  // Under the lock: once a server has ended no bit is set that would be meant for it, and taken by
  // the next one. False: it has.
  bool publish(const Call& me) {
    const std::lock_guard lock(mutex_);
    // release: pairs with the server's exchange.
    if (!me.closed) area_.pending.fetch_or(bit(me.slot), std::memory_order_release);
    return !me.closed;
  }

  // Until done(), which is asked under mutex_.
  template <class Done>
  WaitStatus wait(Call& me, const Done& done) {
    std::unique_lock lock(mutex_);
    const WaitStatus status = wait_locked(me, done, lock);
    // Whoever goes may have been meant to lead.
    if (!led_ && !waiting_.empty()) wake(*waiting_.front());
    return status;
  }

  template <class Done>
  WaitStatus wait_locked(Call& me, const Done& done, std::unique_lock<Mutex>& lock) {
    WaitStatus status = WaitStatus::kReady;
    for (;;) {
      if (me.closed) return WaitStatus::kClosed;
      if (done()) return WaitStatus::kReady;
      if (status != WaitStatus::kReady) return status;
      if (!led_) {
        led_ = true;
        status = lead(me, done, lock);
        led_ = false;
        return status;
      }
      me.turn.reset();
      me.parked = true;
      waiting_.push_back(&me);
      lock.unlock();
      status = me.turn.wait(me.stop, me.deadline);
      lock.lock();
      if (me.parked) std::erase(waiting_, &me);
      me.parked = false;
    }
  }

  // Sleeps for all.
  template <class Done>
  WaitStatus lead(Call& me, const Done& done, std::unique_lock<Mutex>& lock) {
    const auto wake_self = [this] { (void)umcg_shared_wake(member_.task(), 0, member_.id()); };
    std::optional<std::stop_callback<decltype(wake_self)>> on_stop;
    lock.unlock();
    if (me.stop.stop_possible()) on_stop.emplace(me.stop, wake_self);
    const timespec limit = to_timespec(me.deadline);
    for (;;) {
      lock.lock();
      take_responses(me);
      if (me.closed) return WaitStatus::kClosed;
      if (done()) return WaitStatus::kReady;
      if (me.deadline.has_passed()) return WaitStatus::kTimeout;
      if (me.stop.stop_requested()) return WaitStatus::kStopped;
      lock.unlock();
      if (look_.sees([this] { return area_.done.load(std::memory_order_relaxed) != 0; })) continue;
      const int result = blocking([&] {
        return umcg_shared_wait(member_.task(), 0, me.server,
                                me.deadline.is_never() ? nullptr : &limit);
      });
      if (result == -EPIPE) server_has_ended(me);
    }
  }

  void take_responses(const Call& leader) {
    if (area_.done.load(std::memory_order_relaxed) == 0) return;
    // acquire: pairs with the server's release.
    std::uint64_t bits = area_.done.exchange(0, std::memory_order_acquire) & all_slots() & ~free_;
    for (; bits != 0; bits &= bits - 1) {
      const auto slot = static_cast<std::uint32_t>(std::countr_zero(bits));
      if (Call* const call = calls_[slot]; call != nullptr) {
        call->answered = true;
        if (call != &leader) wake(*call);
      } else {
        put_back(slot);  // its call has given up
      }
    }
  }

  // Under mutex_.
  void wake(Call& call) {
    if (!call.parked) return;
    call.parked = false;
    std::erase(waiting_, &call);
    call.turn.set();
  }

  // Under mutex_.
  void wake_all() {
    while (!waiting_.empty()) wake(*waiting_.front());
  }

  // Under mutex_. The one who waits for a slot is told.
  void put_back(std::uint32_t slot) {
    calls_[slot] = nullptr;
    free_ |= bit(slot);
    for (Call* call : waiting_) {
      if (calls_[call->slot] != call) return wake(*call);
    }
  }

  // If the call was given up the slot is the server's until it has answered.
  void leave_slot(Call& me) {
    const std::lock_guard lock(mutex_);
    calls_[me.slot] = nullptr;
    if (me.answered || me.closed) put_back(me.slot);
  }

  // By one who has noticed it. A slot is free now, or as soon as its call has left it.
  void server_has_ended(Call& me) {
    const std::lock_guard lock(mutex_);
    me.closed = true;
    if (server_ != me.server) return;
    server_ = 0;
    for (std::uint32_t slot = 0; slot < calls_.size(); ++slot) {
      if (calls_[slot] != nullptr) {
        calls_[slot]->closed = true;
      } else {
        free_ |= bit(slot);
      }
    }
    for (Call* call : waiting_) call->closed = true;
    wake_all();
  }

  absl::StatusOr<std::size_t> read_response(Slot& slot, std::span<std::byte> out) const {
    const std::size_t size = slot.size.load(std::memory_order_relaxed);
    const std::uint32_t code = slot.status.load(std::memory_order_relaxed);
    if (size > region_.options().max_payload ||
        code > static_cast<std::uint32_t>(absl::StatusCode::kUnauthenticated)) {
      return absl::DataLossError("an impossible response");
    }
    if (code != 0) {
      const std::string message(reinterpret_cast<const char*>(Layout::payload(slot)), size);
      return absl::Status(static_cast<absl::StatusCode>(code), message);
    }
    if (size > out.size()) return absl::OutOfRangeError("the response is longer than `out`");
    if (size != 0) std::memcpy(out.data(), Layout::payload(slot), size);
    return size;
  }

  const Region region_;
  const Layout layout_;
  const Membership member_;
  Area& area_;
  BriefLook look_;  // the leader's

  Mutex mutex_;
  bool led_ = false;
  umcg_shared_id server_ = 0;   // that has welcomed us
  std::uint64_t free_;          // slots
  std::vector<Call*> calls_;    // of each slot; nullptr: free, or given up
  std::vector<Call*> waiting_;  // parked
};

Client::Client(Region region) : impl_(std::make_unique<Impl>(std::move(region))) {}
Client::~Client() = default;

absl::StatusOr<std::size_t> Client::call(std::span<const std::byte> in, std::span<std::byte> out,
                                         std::stop_token stop, Deadline deadline) {
  return impl_->call(in, out, stop, deadline);
}

}  // namespace umcg::inline v0::rpc
