// SPDX-License-Identifier: Apache-2.0
// standby.h - Standby: the thread that notices at once that a server's worker has blocked.
//
// It is a thread of policy SCHED_IDLE, tied to the CPU that the server's worker runs on. So the
// kernel's own scheduler runs it exactly when that CPU has nothing better to do: when the worker
// has left it. No interrupt, no notification, no polling beside a worker that works. It looks
// whether the worker is blocked, and if it is, asks the server's spare to claim the server
// (server_word.h): the spare, of normal priority, pushes the standby off the CPU at once.
//
// The standby owns nothing: no lock, no allocation, no new thread, and no claim, since whoever has
// only the left-overs of a CPU may be stopped anywhere for any time. What it sets is idempotent.
//
// Workers are not tied to CPUs, so that the kernel can balance its load and nothing that user code
// starts inherits a narrow mask. So the CPU that has become free may be another server's: a standby
// that runs although its server's worker does too looks at the other servers, one after the other,
// and stays with one as long as that is worth while. Most often each CPU has a standby, and none
// ever has to move. With fewer servers than CPUs there are CPUs without: if no worker was found
// blocked, the standby asks /proc where its own server's worker runs, and moves there unless
// another standby is there already. Rejected: tying the workers down instead (a mask that leaks
// into every child, a second truth about where threads belong, and a server that cannot leave a
// crowded CPU); following the worker at once (two standbys meet on one CPU, and the other one has
// none: with blocks of 50 us a third of the time was lost).
//
// A guess. To tell by the worker's clock that it is blocked takes two looks, and a yield in
// between, so that one who only had to wait for us may run: 2 us. One look is enough if the standby
// has had the CPU lately: it is free again and again, so the standby does not run in its tiny share
// beside others; and if the worker began to hold the server on this CPU. It may have been moved
// since: then the claim finds out that it runs, and there is one guess only each time that a worker
// begins.
//
// When it sleeps. While no fiber is queued a block costs nothing, and watching would burn an idle
// CPU. So after kGrace without queued work the standby sleeps, and its server is in
// IdleSet::unwatched(). The race that matters: work is queued while it goes to sleep. It enters the
// set, then looks at the queues once more; who queues work stores it, then looks at the set (all
// seq_cst): one of the two sees the other, as in idle_set.h.
//
// Nobody waits for it: on a crowded CPU it may take seconds to get a turn. Its policy is set by the
// thread that starts it; the spare that it pokes stays in its slot until it goes by itself; and it
// keeps the RuntimeCore alive until it has seen that it is to stop.
//
// What it cannot see. Where another thread of normal priority, of the same cgroup, computes on its
// CPU, the standby does not run. The monitor looks at all servers too, later and from anywhere.
#ifndef UMCG_RUNTIME_HANDOFF_STANDBY_H_
#define UMCG_RUNTIME_HANDOFF_STANDBY_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/relaxed.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;
struct Worker;
namespace shim {
struct Task;
}

class Standby {
 public:
  static constexpr std::int64_t kGrace = 100'000;
  // The CPU is ours though the worker runs: after so many looks, a nap.
  static constexpr int kMostMisses = 64;
  static constexpr std::int64_t kNap = 1'000'000;
  static constexpr std::int64_t kLongNap = 10'000'000;  // when all workers are in use
  // A spare that was asked is given so long before the next one is.
  static constexpr std::int64_t kPatience = 200'000;

  Standby() = default;
  ~Standby();
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  // Before the server has fibers. False if there is no such thread, or no such policy, to be had.
  bool start(RuntimeCore& rt, Server& server, int cpu);
  // It ends when it next gets a turn, and then lets go of the RuntimeCore.
  void stop() noexcept;

  // Anybody who has queued work: wakes it if it sleeps for want of that.
  void arm() noexcept;
  // Anybody who has given the server a spare.
  void spare_came() noexcept;
  // By anybody: the CPU that it is on, or about to be.
  int cpu() const noexcept { return cpu_.get(); }

 private:
  enum class Saw : std::uint8_t { kNothing, kAtWork, kPerhaps, kNoSpare, kBlocked };

  void run() noexcept;
  Saw look() noexcept;
  Saw hand_over() noexcept;
  void miss() noexcept;
  void turn_to_next() noexcept;
  void follow() noexcept;
  void sleep_until_armed() noexcept;
  void wait_for_spare() noexcept;
  void nap(std::int64_t ns) noexcept;

  RuntimeCore* rt_ = nullptr;
  Server* home_ = nullptr;     // its own server
  Server* watched_ = nullptr;  // the one that it looks at
  shim::Task* task_ = nullptr;
  Relaxed<int> cpu_{-1};
  bool was_here_lately_ = false;
  int misses_ = 0;               // looks in a row at workers that run
  std::uint64_t word_ = 0;       // at the last look,
  std::uint64_t seen_ = 0;       // and what the oracle saw,
  std::int64_t first_seen_ = 0;  // since when
  Worker* asked_ = nullptr;      // the spare, last time,
  std::int64_t asked_at_ = 0;    // and when
  std::atomic<bool> wants_spare_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_STANDBY_H_
