// SPDX-License-Identifier: Apache-2.0
// monitor.h - Monitor: one ordinary thread per runtime that catches what servers cannot see
// themselves.
//
// While fibers are queued it looks each kPeriod; sooner after it has found a blocked worker itself
// (kShortPeriod), since that is the standbys' business and they cannot do it now, and while woken
// fibers wait behind one that computes (Hogs::kPeriod). When nothing has been queued for kLinger it
// sleeps, until somebody queues a fiber or arms a timer (IdleSet::monitor_sleeps), or a timer is
// overdue that no sleeping server keeps. If a server still ran then, the last one that goes to
// sleep wakes it once more: deadlocks are looked for when all is asleep.
//
// Each look takes 10 to 20 us of a CPU that has other work: a timer's interrupt, two switches, cold
// caches. So there are no more than are of use. Two looks, kBetweenLooks apart, see a block that
// would not last from one period to the next; but of a worker that has had a CPU nearly all the
// time since the last look, or has switched kManyTurns times, one is enough: that one is at work.
// Where all are, and no woken fiber waits, it naps for kLongPeriod: their CPUs are their own, so
// that standbys will notice when they block. Whoever wakes a fiber from outside ends the nap if all
// servers run fibers that compute (IdleSet::monitor_naps), and so does whoever arms a timer that
// would be late by more than kPeriod (next_look_). What can still be late by a nap is a fiber woken
// by one that then computes on, and a block beside a thread of others that has just begun to
// compute.
//
// Race: a timer is armed while the monitor goes to nap. It stores when it will look, then reads the
// deadlines; who arms stores the deadline, then reads that time (all seq_cst). Waking it for each
// timer would cost more looks than the nap saves.
//
// What it does: fires timers that are overdue because their server runs one fiber for long; has a
// spare claim a server with queued work whose holder offers it (blocking.h), or is seen to block
// from one look to the next, or has served no other fiber for kPeriod and is asleep (it blocks
// again and again: else a queued fiber would wait until two looks happen to fall into one block);
// sees to what waits behind a hog (hogs.h); makes workers where a standby, which may not, wants
// one, and where all that are allowed are blocked (worker_bound.h); gives back memory of stacks
// that are not needed any more. It holds no server and takes no lock that a worker could hold for
// long.
#ifndef UMCG_RUNTIME_HANDOFF_MONITOR_H_
#define UMCG_RUNTIME_HANDOFF_MONITOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "runtime/base/cpu_share.h"
#include "runtime/debug/observer.h"
#include "runtime/handoff/hogs.h"
#include "runtime/handoff/worker_bound.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;
struct Worker;
namespace shim {
struct Task;
}

class Monitor {
 public:
  static constexpr std::int64_t kShortPeriod = 100'000;
  static constexpr std::int64_t kBetweenLooks = 50'000;
  static constexpr std::int64_t kPeriod = 1'000'000;
  static constexpr std::int64_t kLongPeriod = 4'000'000;
  static constexpr std::uint32_t kManyTurns = 16;
  static constexpr std::int64_t kLinger = 100'000'000;
  static constexpr std::int64_t kPublishPeriod = 100'000'000;

  explicit Monitor(RuntimeCore& rt);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Throws std::system_error if there is no thread to be had.
  void start();
  void stop_and_join() noexcept;

  // By whoever has queued or armed something. Pairs with the store and the last look in
  // sleep_deep().
  void wake_if_asleep() noexcept;
  // By a server that is about to sleep, after it has said so.
  void tell_if_all_sleep() noexcept;
  // By whoever has armed a timer. Wakes the monitor if it sleeps, or would look too late.
  void timer_armed(std::int64_t deadline) noexcept;
  // By whoever has woken a fiber from outside, after it is queued.
  void end_nap() noexcept;
  // By whoever has asked a call of interruptible() to stop.
  void wake_to_repeat() noexcept;
  // By a standby whose server has no spare. Never blocks.
  void provide_spare() noexcept;

  const Observer& observer() const noexcept { return observer_; }

 private:
  // What the last look at a server showed.
  struct Seen {
    std::uint64_t word = 0;
    std::uint32_t tick = 0;
    CpuClockLook cpu;          // of the holder,
    bool suspect = false;      // which may be blocked,
    std::uint64_t oracle = 0;  // as the oracle saw it,
    std::int64_t since = 0;    // since when: it has served no other fiber meanwhile
  };

  void run() noexcept;
  void wake() noexcept;
  bool any_suspect() const noexcept;
  // These return after how many ns to look again.
  std::int64_t look_around() noexcept;
  std::int64_t serve_holder(Server& s, Seen& seen) noexcept;
  std::int64_t pass_on(Server& s, std::int64_t blocked_since) noexcept;
  bool is_seen_blocked(const Worker& holder, Seen& seen, std::int64_t now) noexcept;
  void serve_timers(Server& s) noexcept;
  void serve_spares() noexcept;
  // The earliest deadline that no sleeping server keeps, or kNeverNs.
  std::int64_t earliest_unkept() const noexcept;
  void wait_for_next_look(std::int64_t period) noexcept;
  void sleep_deep() noexcept;
  // False: a server still runs. The last one that goes to sleep takes back IdleSet::awaits_all().
  bool look_for_deadlocks() noexcept;
  void publish(std::int64_t now) noexcept;

  RuntimeCore& rt_;
  Hogs hogs_;
  WorkerBound bound_;
  Observer observer_;
  std::unique_ptr<Seen[]> seen_;
  std::atomic<std::int64_t> next_look_{0};
  std::int64_t published_at_ = 0;  // for readers of other processes (live_page.h)
  shim::Task* task_ = nullptr;
  std::atomic<bool> spare_wanted_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_MONITOR_H_
