// SPDX-License-Identifier: Apache-2.0
// idle_set.h - IdleSet: which servers sleep, and how many look for work. Waking is decided here.
//
// The protocol of idle servers. Its danger is the lost wake-up: work is queued, nobody looks.
//   submit   make the fiber visible in a queue; fence; read `searching` and the idle bits: nobody
//            searches and somebody sleeps -> wake one, who searches from then on
//   sleep    set the idle bit; searching - 1; look at all queues once more (all seq_cst); then
//   sleep
// Either the submitter's store precedes the sleeper's last look, and the sleeper finds the fiber,
// or the last look precedes the store, then so do the sleeper's bit and its decrement, and the
// submitter sees them. While somebody searches no one is woken: a searcher that finds something and
// was the last one wakes the next (leave_search in idle.cc), so wake-ups spread without a herd. An
// idle bit is cleared by exactly one: the waker, or its owner. Who clears it owns the wake-up.
//
// Each submit asks whether anybody is to be told, and mostly there is nobody. So those who listen
// are counted: one is added before a bit is set, and taken off after it was cleared. No listener
// means that no bit is set, in the one order of all these steps; whoever sets one later looks later
// still. The fence comes only after somebody was found to listen: in place of each submitter the
// listener pays, who has nothing better to do, by a barrier on all threads (membarrier(2), 1 to 20
// us) between his bit and his last look. Either that barrier comes after the submitter's store,
// which is then seen by the last look, or it comes before the submitter's look at the listeners,
// who then finds one. A server that is alone does without: only its holder pushes, and the shared
// queue is published by a seq_cst store. Where the kernel has no such barrier one listener is
// counted for good, so that each submitter comes to the fence.
//
// Rejected: waking somebody at each submit (a futex call each: rivals lose 20 to 75 % to it); a
// count of idle servers in place of the bits (two truths that can disagree); a lock around both.
#ifndef UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_
#define UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_

#include <atomic>
#include <cstdint>

#include "kernel_shim/process_barrier.h"
#include "runtime/scheduler/server_bits.h"

namespace umcg::inline v0::internal {

class IdleSet {
 public:
  // `has_barrier`: shim::prepare_process_barrier() has succeeded.
  IdleSet(std::uint32_t servers, bool has_barrier) noexcept
      : listeners_(has_barrier ? 0 : 1),
        has_barrier_(has_barrier),
        servers_(servers),
        idle_(servers),
        unwatched_(servers) {}

  void begin_search() noexcept { searching_.fetch_add(1, std::memory_order_seq_cst); }
  // True if the caller was the last one.
  bool end_search() noexcept { return searching_.fetch_sub(1, std::memory_order_seq_cst) == 1; }
  // For a waker: counts itself in for the server it is about to wake, unless somebody searches.
  bool begin_search_if_none() noexcept {
    std::uint32_t none = 0;
    return searching_.compare_exchange_strong(none, 1, std::memory_order_seq_cst);
  }

  // For a submitter, after its store: whether there may be anybody to tell. Then, after the fence
  // unless the store was seq_cst, who. The fence pairs with the seq_cst steps of who listens.
  static void fence_of_submitter() noexcept { std::atomic_thread_fence(std::memory_order_seq_cst); }
  bool has_listeners() const noexcept { return listeners_.load(std::memory_order_seq_cst) != 0; }
  bool somebody_must_know() const noexcept {
    return (searching_.load(std::memory_order_seq_cst) == 0 && idle_.any()) ||
           monitor_sleeps_.load(std::memory_order_seq_cst);
  }

  // The servers that sleep. True if the caller has taken it out.
  void publish(std::uint32_t server) noexcept {
    enter(idle_, server);
    if (servers_ > 1) let_submitters_see();
  }
  bool withdraw(std::uint32_t server) noexcept { return leave(idle_, server); }
  // Takes one server out and returns its index; -1 if all are busy.
  int take_one() noexcept {
    const int server = idle_.take_one();
    if (server >= 0) listeners_.fetch_sub(1, std::memory_order_seq_cst);
    return server;
  }
  bool is_idle(std::uint32_t server) const noexcept { return idle_.test(server); }
  bool any() const noexcept { return idle_.any(); }
  bool all() const noexcept { return idle_.count() == servers_; }
  std::uint32_t count() const noexcept { return idle_.count(); }

  // The monitor sleeps and takes part in the same protocol: it sets this, looks at all queues once
  // more, then sleeps. Clearing it: true if it was set.
  void set_monitor_sleeps() noexcept {
    listeners_.fetch_add(1, std::memory_order_seq_cst);
    if (monitor_sleeps_.exchange(true, std::memory_order_seq_cst)) {
      listeners_.fetch_sub(1, std::memory_order_seq_cst);
    }
    let_submitters_see();
  }
  bool clear_monitor_sleeps() noexcept {
    const bool changed = monitor_sleeps_.load(std::memory_order_seq_cst) &&
                         monitor_sleeps_.exchange(false, std::memory_order_seq_cst);
    if (changed) listeners_.fetch_sub(1, std::memory_order_seq_cst);
    return changed;
  }
  bool monitor_sleeps() const noexcept { return monitor_sleeps_.load(std::memory_order_seq_cst); }
  // The monitor naps while all servers run fibers that compute. Who has woken a fiber from outside
  // looks at this after it is queued; the monitor looks at the queue after it has set this. Ending
  // it: true if it was set.
  void begin_monitor_nap() noexcept { monitor_naps_.store(true, std::memory_order_seq_cst); }
  bool end_monitor_nap() noexcept {
    return monitor_naps() && monitor_naps_.exchange(false, std::memory_order_seq_cst);
  }
  bool monitor_naps() const noexcept { return monitor_naps_.load(std::memory_order_seq_cst); }
  // It wants to know when all servers sleep. It sets this, then looks whether they do; who goes to
  // sleep sets its bit, then looks at this: one of them sees that all sleep.
  std::atomic<bool>& awaits_all() noexcept { return awaits_all_; }

  // The servers whose standby sleeps, which takes part likewise. True if the caller has taken it
  // out.
  void begin_unwatched(std::uint32_t server) noexcept {
    enter(unwatched_, server);
    let_submitters_see();
  }
  bool end_unwatched(std::uint32_t server) noexcept { return leave(unwatched_, server); }
  bool is_unwatched(std::uint32_t server) const noexcept { return unwatched_.test(server); }
  bool any_unwatched() const noexcept { return unwatched_.any(); }

 private:
  void enter(ServerBits& set, std::uint32_t server) noexcept {
    listeners_.fetch_add(1, std::memory_order_seq_cst);
    if (!set.set(server)) listeners_.fetch_sub(1, std::memory_order_seq_cst);
  }
  void let_submitters_see() noexcept {
    if (has_barrier_) shim::process_barrier();
  }
  bool leave(ServerBits& set, std::uint32_t server) noexcept {
    const bool mine = set.test(server) && set.clear(server);
    if (mine) listeners_.fetch_sub(1, std::memory_order_seq_cst);
    return mine;
  }

  // Beside each other, since each submit reads the first, and the next ones if that says so.
  alignas(64) std::atomic<std::uint32_t> listeners_;
  std::atomic<std::uint32_t> searching_{0};
  std::atomic<bool> monitor_sleeps_{false};
  std::atomic<bool> monitor_naps_{false};
  std::atomic<bool> awaits_all_{false};
  const bool has_barrier_;
  const std::uint32_t servers_;
  ServerBits idle_;
  ServerBits unwatched_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_
