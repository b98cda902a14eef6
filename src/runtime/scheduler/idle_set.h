// SPDX-License-Identifier: Apache-2.0
// idle_set.h - IdleSet: which servers sleep, and how many look for work. Waking is decided here.
//
// The protocol of idle servers. Its danger is the lost wake-up: work is queued, nobody looks.
//   submit   make the fiber visible in a queue (seq_cst store); read `searching` and the idle bits
//            (seq_cst): nobody searches and somebody sleeps -> wake one, who searches from then on
//   sleep    set the idle bit; searching - 1; look at all queues once more (all seq_cst); then
//   sleep
// Either the submitter's store precedes the sleeper's last look, and the sleeper finds the fiber,
// or the last look precedes the store, then so do the sleeper's bit and its decrement, and the
// submitter sees them. While somebody searches no one is woken: a searcher that finds something and
// was the last one wakes the next (leave_search in idle.cc), so wake-ups spread without a herd. An
// idle bit is cleared by exactly one: the waker, or its owner. Who clears it owns the wake-up.
//
// Rejected: waking somebody at each submit (a futex call each: rivals lose 20 to 75 % to it); a
// count of idle servers beside the bits (two truths that can disagree); a lock around both.
#ifndef UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_
#define UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_

#include <atomic>
#include <cstdint>

#include "runtime/scheduler/server_bits.h"

namespace umcg::inline v0::internal {

class IdleSet {
 public:
  explicit IdleSet(std::uint32_t servers) noexcept
      : servers_(servers), idle_(servers), unwatched_(servers) {}

  void begin_search() noexcept { searching_.fetch_add(1, std::memory_order_seq_cst); }
  // True if the caller was the last one.
  bool end_search() noexcept { return searching_.fetch_sub(1, std::memory_order_seq_cst) == 1; }
  // For a waker: counts itself in for the server it is about to wake, unless somebody searches.
  bool begin_search_if_none() noexcept {
    std::uint32_t none = 0;
    return searching_.compare_exchange_strong(none, 1, std::memory_order_seq_cst);
  }

  // For a submitter, after its store: whether there is anybody to wake.
  bool somebody_must_know() const noexcept {
    return (searching_.load(std::memory_order_seq_cst) == 0 && idle_.any()) ||
           monitor_sleeps_.load(std::memory_order_seq_cst);
  }
  // The monitor sleeps and takes part in the same protocol: it sets this, looks at all queues once
  // more, then sleeps. Beside the others since each submit reads it.
  std::atomic<bool>& monitor_sleeps() noexcept { return monitor_sleeps_; }
  // It wants to know when all servers sleep. It sets this, then looks whether they do; who goes to
  // sleep sets its bit, then looks at this: one of them sees that all sleep.
  std::atomic<bool>& awaits_all() noexcept { return awaits_all_; }
  bool all() const noexcept { return idle_.count() == servers_; }
  // So does the standby of a server that is in this set.
  ServerBits& unwatched() noexcept { return unwatched_; }
  const ServerBits& unwatched() const noexcept { return unwatched_; }

  bool any() const noexcept { return idle_.any(); }
  std::uint32_t count() const noexcept { return idle_.count(); }
  bool is_idle(std::uint32_t server) const noexcept { return idle_.test(server); }
  void publish(std::uint32_t server) noexcept { idle_.set(server); }
  // True if the caller cleared the bit.
  bool withdraw(std::uint32_t server) noexcept { return idle_.clear(server); }
  // Takes one server out and returns its index; -1 if all are busy.
  int take_one() noexcept { return idle_.take_one(); }

 private:
  alignas(64) std::atomic<std::uint32_t> searching_{0};
  std::atomic<bool> monitor_sleeps_{false};
  std::atomic<bool> awaits_all_{false};
  const std::uint32_t servers_;
  ServerBits idle_;
  ServerBits unwatched_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_IDLE_SET_H_
