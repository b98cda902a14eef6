// SPDX-License-Identifier: Apache-2.0
// hogs.h - Hogs: what becomes of the fibers behind one that computes for long. The monitor's.
//
// A fiber that neither ends, parks nor yields keeps its server, and nothing can interrupt it. Those
// behind it must not pay for that: not a timer that is due, not a fiber that was woken. So the
// monitor takes the server away from a hog, whose worker runs on as an overtaken one, "detached",
// and gives it to an idle worker. The kernel shares the CPU between the two.
//
//   when        a woken fiber waits behind a fiber that has computed for kUrgent, by its thread's
//               CPU clock: one that others have preempted is no hog, and one more thread would
//               only add to the crowd; or a new one behind such a fiber that has had the server for
//               kPatience, or behind any that has had it for ten times as long. What a fiber
//               computed before the monitor first saw it is guessed: an equal part of what all have
//               that ran since the look before
//   how         take_from_running() in handoff.h: a claim that needs no look at clocks
//   then        the server is "beside a hog" (Server::hogs != 0): its holder runs woken fibers at
//               once, but one that may be a hog too only each kPatience: a new one. That one is
//               detached from the start. Else it sleeps.
//   again       a fiber that yields after a long turn is patient (FiberCore::patient), and will be
//               a hog again: it is detached from the start wherever it is taken, and beside another
//               hog only after kPatienceOfHogs. So hogs that yield take turns, one for each server,
//               and a holder at rest stands beside each
//   the kernel  is asked for long time slices for a hog, and for short ones for the holder at rest:
//               see slice.h
//   the end     the hog calls the runtime and finds its server gone; or it blocks, as the monitor
//               finds out: then it burns no CPU and counts no more. It asks /proc, which takes 8
//               us, each time while the hogs together do not use their servers' CPUs; else only
//               about one that has stood still for half of kPatience, since another hog may have
//               the CPU for a whole slice, and again after twice the time
//
// Woken beside hogs, a holder at rest may find that the kernel lets a hog finish its slice: it
// looks again at its next tick, 4 ms later, or when any other thread wakes. So while there are
// timers, or fibers that have been woken of late, the monitor looks at hogs each period, to no
// other end.
//
// So ten thousand tasks of 20 ms do not become ten thousand threads: at most kMost are detached
// from one server. While there are so many, no new fiber is begun there, so that whatever is woken
// still finds a holder at rest.
//
// Who writes Server::hogs: the monitor adds one before it claims, and marks the worker (Worker::
// hog_of) with the server, by CAS; a worker that detaches itself adds one before it gives the
// server away, so that the next holder does not begin a second, and marks itself after. Whoever
// finds another's mark there does not count. Whoever takes the mark back by exchange takes the one
// off: the monitor when the claim fails or the hog blocks, the worker when it notices. So none is
// counted twice, and none for ever.
//
// Rejected: a signal that switches the hog off its stack (it may hold a lock of malloc's, and
// changes thread in the middle of anything: thread identity, docs/thread-identity.md); letting each
// server have one hog only and woken fibers wait behind the second (20 ms instead of 1).
#ifndef UMCG_RUNTIME_HANDOFF_HOGS_H_
#define UMCG_RUNTIME_HANDOFF_HOGS_H_

#include <cstdint>
#include <memory>

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;
struct Worker;

class Hogs {
 public:
  static constexpr std::int64_t kUrgent = 400'000;
  static constexpr std::int64_t kPatience = 10'000'000;
  static constexpr std::int64_t kPatienceOfHogs = 5 * kPatience;
  static constexpr std::uint32_t kMost = 2;
  // How often the monitor must look while woken fibers wait behind one that computes: that has
  // done so for kComputes.
  static constexpr std::int64_t kPeriod = 200'000;
  static constexpr std::int64_t kComputes = 100'000;

  explicit Hogs(RuntimeCore& rt);

  // At each look at a server, with its word, not 0, its tick, and the CPU clock of its holder as it
  // was read after that: if the tick has changed since, the clock is of another turn, and longer.
  // Or while the holder rests.
  void note_turn(Server& server, std::uint64_t word, std::uint32_t tick, std::int64_t clock,
                 std::int64_t now) noexcept;
  void note_rest(const Server& server) noexcept;
  // For a server with queued fibers whose worker runs, or was preempted. Returns after how many ns
  // the monitor should look again, at the latest.
  std::int64_t serve(Server& server, const Worker& holder, std::int64_t now) noexcept;
  // Finds the hogs that have blocked. Returns after how many ns to look again.
  std::int64_t review() noexcept;
  // Each server runs one that computes, as the last looks showed.
  bool all_compute() const noexcept;

 private:
  // Since when the server runs the same fiber, and how much of the CPU that fiber has had.
  struct Turn {
    std::uint64_t word = 0;
    std::uint32_t tick = 0;
    std::int64_t since = 0;
    std::int64_t clock_then = 0;
    std::int64_t before = 0;  // what it may have computed until then
    std::int64_t clock = 0;

    std::int64_t computed() const noexcept { return clock - clock_then; }
    std::int64_t guess() const noexcept { return before + computed(); }
  };
  void detach(Server& server, std::int64_t next_fresh_at) noexcept;
  template <class Do>
  void for_each_hog(Do&& act) noexcept;
  bool somebody_may_wake(std::int64_t now) noexcept;

  RuntimeCore& rt_;
  const bool possible_;
  std::unique_ptr<Turn[]> turns_;
  std::int64_t reviewed_at_ = 0;
  std::uint64_t injected_ = 0;    // at the last review,
  std::int64_t injected_at_ = 0;  // and when it was last seen to grow
};

// Whether a server sleeps that has fewer hogs than that: 1, it begins new fibers as ever; kMost,
// one now and then.
bool has_sleeper_below(RuntimeCore& rt, std::uint32_t hogs) noexcept;

// By leave(), for a fiber begun beside a hog: runs it detached from the start, so that the server's
// holder stays at rest for whatever is woken. Stays as it is if there is no idle worker.
void detach_self(Worker& worker) noexcept;

// Counts the worker among the server's hogs. False if it is marked already.
bool begin_hog(Worker& worker, Server& server) noexcept;
// Whoever finds that a worker hogs no more: itself, when it has noticed that its server is gone.
void end_hog(Worker& worker) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_HOGS_H_
