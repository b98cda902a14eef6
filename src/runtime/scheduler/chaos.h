// SPDX-License-Identifier: Apache-2.0
// chaos.h - Chaos: at the points of the protocols (points.h), who passes is held up now and then,
// or takes another turn than it would have: a fiber of another server, the shared queue, its server
// given away. RuntimeOptions::chaos, docs/chaos.md.
//
// What is decided is a function of the seed, the point, and how many have passed that point before:
// no generator is shared, so that the decisions of one point do not depend on what happens at
// others. Which thread is the n-th at a point is up to the kernel; a run is not repeated by its
// seed, the pressure on each point is.
//
// Who is held up sleeps where it stands, inside the runtime too: the kernel could have preempted it
// there. Hence no protocol may need to know. Points are never passed with a brief lock held.
//
// Rejected: one generator for each worker (which worker is at a point depends on all that was
// before); waiting in a loop (the threads that are to be faster want this CPU).
#ifndef UMCG_RUNTIME_SCHEDULER_CHAOS_H_
#define UMCG_RUNTIME_SCHEDULER_CHAOS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

enum class ChaosPoint : std::uint8_t {
  kSpawn,    // a fiber is about to be queued
  kUnpark,   // the same; turn: in the shared queue
  kPark,     // a fiber leaves its stack; turn: for one of another server
  kYield,    // the same, without a turn
  kEnd,      // its end is not known to anybody yet
  kLeave,    // a worker leaves the runtime; turn: its server is given away
  kSleep,    // the server counts as asleep, and is not yet
  kWake,     // it is awake again
  kHandoff,  // a new worker holds the server
  kClaim,    // a claim is proposed, and not yet settled
  kInject,   // a fiber is about to be queued by who holds no server
  kReturn,   // a worker learns that it has no server
};
inline constexpr std::size_t kChaosPoints = 12;

struct ChaosDecision {
  bool turn = false;
  bool held = false;
  std::uint32_t us = 0;  // how long it is held; 0: it lets others run
};

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) noexcept : seed_(seed) {}

  static ChaosDecision decide(std::uint64_t seed, ChaosPoint point, std::uint64_t n) noexcept;
  // Of the next to pass. Anybody.
  ChaosDecision next(ChaosPoint point) noexcept;
  // Holds the caller, if that is decided. True: so it was.
  static bool hold(const ChaosDecision& decision) noexcept;

 private:
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> passed_[kChaosPoints] = {};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_CHAOS_H_
