// SPDX-License-Identifier: Apache-2.0
// client.cc - calls of one process, by any number of fibers and threads.
//
// The client has one server at a time, whose end it notices: by the group, while somebody sleeps
// for it (callers.h), or when it is woken. Each call belongs to the server that it began with:
//
//   server_, welcomed_   0 -> {id, false}: by a call that finds none; it says hello, and wakes it
//                        {id, false} -> {id, true}: by whoever sees the welcome; tells all
//                        {id, ...} -> 0: by whoever notices the end; tells all. A call whose server
//                        is not server_ is over. An id never comes back
//   free_                slots that no call has and no server. Who puts one back tells the first
//                        who waits for one; that one takes it, even if its deadline has passed, or
//                        somebody took it before, who will put it back as well
//   calls_               whose a slot is. A call that gives up leaves its slot to the server, until
//                        the response has come or the server has ended
//
// All that several callers touch is under one mutex, which is never held while anybody waits, but
// for the words in shared memory.
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "kernel_shim/clock.h"
#include "kernel_shim/shared/shared_task.h"
#include "rpc/callers.h"
#include "rpc/region.h"
#include "umcg/blocking.h"
#include "umcg/mutex.h"
#include "umcg/this_fiber.h"

namespace umcg::inline v0::rpc {

namespace shim = internal::shim;

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
        waker_(member_.task(), member_.id()),
        callers_(waker_),
        free_(all_slots()),
        calls_(region_.options().slots) {}

  absl::StatusOr<std::size_t> call(std::span<const std::byte> in, std::span<std::byte> out,
                                   const std::stop_token& stop, Deadline deadline) {
    if (in.size() > region_.options().max_payload) {
      return absl::InvalidArgumentError("the request is too long for the region");
    }
    Call me(waker_, stop, deadline);
    absl::Status status = get_slot(me);
    if (!status.ok()) return status;

    Slot& slot = layout_.slot(area_, me.slot);
    if (!in.empty()) std::memcpy(Layout::payload(slot), in.data(), in.size());
    slot.size.store(static_cast<std::uint32_t>(in.size()), std::memory_order_relaxed);
    publish(me);
    status = await_answer(me);
    absl::StatusOr<std::size_t> result =
        status.ok() ? read_response(slot, out) : absl::StatusOr<std::size_t>(status);
    leave_slot(me);
    return result;
  }

 private:
  static constexpr std::uint32_t kNoSlot = kMaxSlots;
  static constexpr std::int64_t kWakeUpNs = 12'000;  // what a call with its own takes, or more

  struct Call : Caller {
    using Caller::Caller;
    // Under mutex_.
    bool answered = false;
    // The call's own; written under mutex_ while it is linked.
    umcg_shared_id server = 0;
    std::uint32_t slot = kNoSlot;
  };

  static std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << slot; }
  std::uint64_t all_slots() const { return ~std::uint64_t{0} >> (64 - region_.options().slots); }

  // A server that has welcomed us, and a slot that nobody uses.
  absl::Status get_slot(Call& me) {
    std::unique_lock lock(mutex_);
    if (server_ == 0 && !say_hello()) return absl::UnavailableError("there is no server");
    me.server = server_;
    return wait(me, lock, [&] { return me.server == server_ && welcomed_ && take_slot(me); });
  }

  // Under mutex_: one name at a time stands in `hello`.
  bool say_hello() {
    umcg_shared_id server = 0;
    if (umcg_shared_find(member_.task(), kServerPlace, &server) != 0) return false;
    // seq_cst: the last handler of a former client looks at it.
    area_.hello.store(make_hello(server, member_.id()));
    const int woken = umcg_shared_wake(member_.task(), 0, server);
    if (woken != 0 && woken != -EAGAIN) return false;
    server_ = server;
    welcomed_ = false;
    return true;
  }

  bool take_slot(Call& me) {
    if (free_ == 0) return false;
    me.slot = static_cast<std::uint32_t>(std::countr_zero(free_));
    free_ &= ~bit(me.slot);
    calls_[me.slot] = &me;
    // Who puts slots back tells the same caller of each until that one has come: it passes it on.
    if (free_ != 0) tell_next();
    return true;
  }

  void publish(const Call& me) {
    bool others_first = false;
    std::uint64_t count = 0;
    {
      // Once a server has ended no bit is set that would be meant for it, and taken by the next
      // one.
      const std::lock_guard lock(mutex_);
      if (me.server != server_) return;
      // release: pairs with the server's exchange.
      area_.pending.fetch_or(bit(me.slot), std::memory_order_release);
      count = ++published_;
      others_first = this_fiber::in_fiber() && !is_elsewhere() && trust_.takes_this_chance();
    }
    if (others_first && is_taken_meanwhile(me, count)) return;
    if (umcg_shared_wake(member_.task(), 0, me.server) == -ESRCH) has_ended(me.server);
  }

  // One wake-up for all fibers that are about to call: a server on this CPU, once it is woken, runs
  // in their place. It learns, since fibers that compute instead would make the call late.
  bool is_taken_meanwhile(const Call& me, std::uint64_t count) {
    const std::int64_t start = internal::now_ns();
    this_fiber::yield();
    const std::int64_t elapsed = internal::now_ns() - start;
    const std::lock_guard lock(mutex_);
    if (elapsed < static_cast<std::int64_t>(published_ - count) * kWakeUpNs) {
      trust_.has_paid();
    } else {
      trust_.was_in_vain();
    }
    return (area_.pending.load(std::memory_order_relaxed) & bit(me.slot)) == 0;
  }

  // On another CPU, the server runs at once and in our time.
  bool is_elsewhere() const {
    return shim::is_elsewhere(member_.task()->place_at(kServerPlace).cpu);
  }

  absl::Status await_answer(Call& me) {
    std::unique_lock lock(mutex_);
    return wait(me, lock, [&] { return me.answered; });
  }

  // Until done(), or the end of the call's server.
  template <class Done>
  absl::Status wait(Call& me, std::unique_lock<Mutex>& lock, const Done& done) {
    bool ended = false;
    const WaitStatus status = callers_.wait(
        me, lock,
        [&] {
          look(me);
          if (done()) return true;
          ended = me.server != server_;
          return ended;
        },
        [&] { sleep(me); });
    return to_status(ended ? WaitStatus::kClosed : status);
  }

  // The leader, without mutex_.
  void sleep(const Call& me) {
    if (this_fiber::in_fiber()) this_fiber::yield();  // first those who have calls to make
    const auto is_done = [this] { return area_.done.load(std::memory_order_relaxed) != 0; };
    if (is_elsewhere() && look_.sees(is_done)) return;
    const timespec limit = to_timespec(me.deadline());
    const int result = blocking([&] {
      return umcg_shared_wait(member_.task(), 0, me.server,
                              me.deadline().is_never() ? nullptr : &limit);
    });
    if (result == -EPIPE) has_ended(me.server);
  }

  // Under mutex_. What the server has written; told to whom it concerns, but for the caller itself.
  void look(const Call& me) {
    // acquire, here and below: pairs with the server's release.
    if (server_ != 0 && !welcomed_ &&
        area_.welcome.load(std::memory_order_acquire) == make_hello(server_, member_.id())) {
      welcomed_ = true;
      callers_.tell_all();
    }
    if (area_.done.load(std::memory_order_relaxed) == 0) return;
    std::uint64_t bits = area_.done.exchange(0, std::memory_order_acquire) & all_slots() & ~free_;
    for (; bits != 0; bits &= bits - 1) {
      const auto slot = static_cast<std::uint32_t>(std::countr_zero(bits));
      if (Call* const call = calls_[slot]; call != nullptr) {
        call->answered = true;
        if (call != &me) callers_.tell(*call);
      } else {
        put_back(slot);
      }
    }
  }

  // Under mutex_. Calls of a server that has ended need none; they are about to leave.
  void put_back(std::uint32_t slot) {
    free_ |= bit(slot);
    tell_next();
  }

  // Under mutex_: of a free slot.
  void tell_next() {
    Caller* const next = callers_.find([this](const Caller& caller) {
      const Call& call = static_cast<const Call&>(caller);
      return call.slot == kNoSlot && call.server == server_;
    });
    if (next != nullptr) callers_.tell(*next);
  }

  void leave_slot(const Call& me) {
    const std::lock_guard lock(mutex_);
    calls_[me.slot] = nullptr;
    if (me.answered || me.server != server_) put_back(me.slot);
  }

  void has_ended(umcg_shared_id server) {
    const std::lock_guard lock(mutex_);
    if (server_ != server) return;
    server_ = 0;
    welcomed_ = false;
    for (std::uint32_t slot = 0; slot < calls_.size(); ++slot) {
      if (calls_[slot] == nullptr) free_ |= bit(slot);
    }
    callers_.tell_all();
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
  const SelfWaker waker_;
  shim::BriefLook look_;  // the leader's

  Mutex mutex_;
  Callers callers_;
  umcg_shared_id server_ = 0;
  bool welcomed_ = false;
  std::uint64_t free_;
  std::uint64_t published_ = 0;  // calls
  shim::Trust<8> trust_;         // in letting others call first
  std::vector<Call*> calls_;     // of each slot; nullptr: free, or given up
};

Client::Client(Region region) : impl_(std::make_unique<Impl>(std::move(region))) {}
Client::~Client() = default;

absl::StatusOr<std::size_t> Client::call(std::span<const std::byte> in, std::span<std::byte> out,
                                         std::stop_token stop, Deadline deadline) {
  return impl_->call(in, out, stop, deadline);
}

}  // namespace umcg::inline v0::rpc
