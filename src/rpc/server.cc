// SPDX-License-Identifier: Apache-2.0
// server.cc - one fiber listens, and starts another for each request.
//
// The listener blocks in the kernel with its thread (blocking(): its worker keeps the server unless
// somebody has use for it), rather than that a service thread wakes a worker: a request costs one
// wake-up, not two. It asks for shorter slices than the client has (base/slice.h): woken, it runs
// at once, in the client's place, and the answer is there before the client begins to wait. Both
// save a system call; left to the kernel, it is so or not for whole runs on end (4.5 and 5.6 us a
// call). After it has started fibers it yields, so that they run before it looks again.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

#include "kernel_shim/shared/shared_task.h"
#include "rpc/region.h"
#include "umcg/blocking.h"
#include "umcg/fiber.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"
#include "umcg/wait_group.h"

namespace umcg::inline v0::rpc {

namespace shim = internal::shim;

class Server::Impl {
 public:
  Impl(Region region, Handler handler)
      : region_(std::move(region)),
        layout_(region_.options()),
        handler_(std::move(handler)),
        member_(region_, kServerPlace, kServerPlace),
        clients_(region_.options().clients),
        runtime_(Runtime::current()),
        listener_(runtime_.spawn({.name = "rpc listener"}, [this] { listen(); })) {}

  ~Impl() {
    stop_.store(true, std::memory_order_release);
    // Again and again: a hostile client may take a wake-up back before it is seen.
    do {
      umcg_shared_wake(member_.task(), 0, member_.id());
    } while (listener_.wait({}, std::chrono::milliseconds(20)) != WaitStatus::kReady);
    listener_.join();
    running_.wait();
  }

 private:
  struct Buffers {
    std::unique_ptr<std::byte[]> in;
    std::unique_ptr<std::byte[]> out;
  };

  // Of one place; the listener's, but for the atomics.
  struct ClientState {
    umcg_shared_id id = 0;    // 0: none that was welcomed
    std::uint64_t hello = 0;  // its
    // Slots whose buffers are in use. Set by the listener, cleared by the handlers' fibers.
    std::atomic<std::uint64_t> running{0};
    // Fibers that may still write into the area. As above; 0 lets another client in.
    std::atomic<std::uint32_t> active{0};
    std::vector<Buffers> buffers;  // one pair for each slot, made when first used
  };

  void listen() {
    while (!stop_.load(std::memory_order_acquire)) {
      if (look_at_all()) {
        let_all_begin();
      } else if (!some_client_is_elsewhere() || !look_.sees([this] { return anything_new(); })) {
        internal::ask_to_run_when_woken();
        blocking([this] { (void)umcg_shared_wait(member_.task(), 0, 0, nullptr); });
      }
    }
  }

  // Of new fibers the newest is begun first: those of the next look would go before what is left of
  // this one, again and again. Bounded, since one may stand in the queue of a server that is busy.
  void let_all_begin() const {
    constexpr std::uint32_t kMost = 2 * kMaxSlots;
    for (std::uint32_t i = 0; i < kMost && not_begun_.load(std::memory_order_relaxed) != 0; ++i) {
      this_fiber::yield();
    }
  }

  // Else nobody can call while the listener looks.
  bool some_client_is_elsewhere() const {
    for (std::uint32_t i = 0; i < clients_.size(); ++i) {
      if (clients_[i].id != 0 && shim::is_elsewhere(member_.task()->place_at(i + 1).cpu))
        return true;
    }
    return false;
  }

  bool anything_new() const {
    for (std::uint32_t i = 0; i < clients_.size(); ++i) {
      if (area(i).pending.load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
  }

  Area& area(std::uint32_t client) const { return layout_.area(member_.data(), client); }

  // Whether a handler was started.
  bool look_at_all() {
    bool any = false;
    for (std::uint32_t i = 0; i < clients_.size(); ++i) {
      Area& a = area(i);
      ClientState& client = clients_[i];
      // acquire: pairs with the client's release.
      const std::uint64_t hello = a.hello.load(std::memory_order_acquire);
      if (hello != client.hello || client.id == 0) welcome(i, hello);
      if (client.id == 0 || a.pending.load(std::memory_order_relaxed) == 0) continue;
      // acquire: pairs with the release after the requests were written.
      std::uint64_t bits = a.pending.exchange(0, std::memory_order_acquire);
      bits &= slots_mask() & ~client.running.load(std::memory_order_acquire);
      for (; bits != 0; bits &= bits - 1) {
        start(i, static_cast<std::uint32_t>(std::countr_zero(bits)));
        any = true;
      }
    }
    return any;
  }

  std::uint64_t slots_mask() const { return ~std::uint64_t{0} >> (64 - region_.options().slots); }

  // If it is meant for this server, and nothing runs for the place's former client; in that case
  // the last handler wakes the listener.
  void welcome(std::uint32_t index, std::uint64_t hello) {
    ClientState& client = clients_[index];
    client.id = 0;
    client.hello = hello;
    umcg_shared_id id = 0;
    if (client.active.load() != 0 || umcg_shared_find(member_.task(), index + 1, &id) != 0 ||
        hello != make_hello(member_.id(), id)) {
      return;
    }
    client.id = id;
    Area& a = area(index);
    a.pending.store(0, std::memory_order_relaxed);
    a.done.store(0, std::memory_order_relaxed);
    a.welcome.store(hello, std::memory_order_release);
    (void)umcg_shared_wake(member_.task(), 0, id);
  }

  void start(std::uint32_t index, std::uint32_t slot) {
    ClientState& client = clients_[index];
    client.buffers.resize(region_.options().slots);
    client.running.fetch_or(bit(slot), std::memory_order_relaxed);
    client.active.fetch_add(1, std::memory_order_relaxed);
    running_.add(1);
    not_begun_.fetch_add(1, std::memory_order_relaxed);
    runtime_.post([this, index, slot, id = client.id, hello = client.hello] {
      not_begun_.fetch_sub(1, std::memory_order_relaxed);
      serve(index, slot);
      (void)umcg_shared_wake(member_.task(), 0, id);
      // seq_cst: we look at `hello` after this, the listener at `active` after `hello`.
      const bool last = clients_[index].active.fetch_sub(1) == 1;
      if (last && area(index).hello.load() != hello) {
        (void)umcg_shared_wake(member_.task(), 0, member_.id());
      }
      running_.done();
    });
  }

  static std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << slot; }

  void serve(std::uint32_t index, std::uint32_t index_of_slot) {
    const std::size_t max = region_.options().max_payload;
    Area& a = area(index);
    Slot& slot = layout_.slot(a, index_of_slot);
    Buffers& buffers = clients_[index].buffers[index_of_slot];
    const std::size_t size = slot.size.load(std::memory_order_relaxed);
    absl::StatusOr<std::size_t> result = absl::InvalidArgumentError("a request of impossible size");
    try {
      if (buffers.out == nullptr) {
        buffers.in = std::make_unique_for_overwrite<std::byte[]>(max);
        buffers.out = std::make_unique<std::byte[]>(max);
      }
      if (size <= max) {
        std::memcpy(buffers.in.get(), Layout::payload(slot), size);
        result = handler_({buffers.in.get(), size}, {buffers.out.get(), max});
      }
      if (result.ok() && *result > max) result = absl::InternalError("the response is too long");
    } catch (const std::exception& e) {
      result = absl::InternalError(e.what());
    } catch (...) {
      result = absl::InternalError("the handler threw what is no std::exception");
    }
    respond(slot, result, buffers.out.get());
    // Before the client knows: it may fill the slot again at once. release: the buffers are the
    // next fiber's.
    clients_[index].running.fetch_and(~bit(index_of_slot), std::memory_order_release);
    // release: pairs with the client's exchange.
    a.done.fetch_or(bit(index_of_slot), std::memory_order_release);
  }

  void respond(Slot& slot, const absl::StatusOr<std::size_t>& result, const std::byte* out) const {
    const void* bytes = out;
    std::size_t size = 0;
    if (result.ok()) {
      size = *result;
    } else {
      bytes = result.status().message().data();
      size = std::min(result.status().message().size(), region_.options().max_payload);
    }
    if (size != 0) std::memcpy(Layout::payload(slot), bytes, size);
    slot.size.store(static_cast<std::uint32_t>(size), std::memory_order_relaxed);
    slot.status.store(static_cast<std::uint32_t>(result.status().code()),
                      std::memory_order_relaxed);
  }

  const Region region_;
  const Layout layout_;
  const Handler handler_;
  const Membership member_;
  std::vector<ClientState> clients_;
  shim::BriefLook look_;
  WaitGroup running_;
  std::atomic<std::uint32_t> not_begun_{0};  // handlers
  std::atomic<bool> stop_{false};
  Runtime& runtime_;
  Fiber<void> listener_;  // last: it uses all the others
};

Server::Server(Region region, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(region), std::move(handler))) {}
Server::~Server() = default;

}  // namespace umcg::inline v0::rpc
