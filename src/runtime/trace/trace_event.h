// SPDX-License-Identifier: Apache-2.0
// trace_event.h - TraceEvent: one thing that happened, as a trace ring keeps it.
#ifndef UMCG_RUNTIME_TRACE_TRACE_EVENT_H_
#define UMCG_RUNTIME_TRACE_TRACE_EVENT_H_

#include <cstdint>

namespace umcg::inline v0::internal {

// Who records what: the worker that holds the server, in the server's ring; whoever holds none, in
// the shared ring. `fiber` is the one that it happened to; `other` and `detail` as said here.
enum class TraceKind : std::uint8_t {
  kNone,
  kSpawn,    // it is ready, and new. By whom: as kUnpark
  kName,     // a piece of its name in `other`, beginning at byte `detail`
  kRun,      // it runs on this server from now on
  kPark,     // it waits. other: its WaitRecord
  kYield,    // it let others go first
  kEnd,      // its function has returned
  kUnpark,   // its wait was ended. detail: TraceBy. other: a fiber's id, or a thread's
  kSteal,    // this server took it, maybe with others, from server `other`
  kHandoff,  // this server came into other hands; it ran on it, or 0. other: HandoffRecord
  kReturn,   // it is back in the runtime, and has no server. other: CPU time since it lost it, ns
  kQueue,    // it stands in a queue, having had no server
  kSleep,    // this server sleeps
  kWake,     // this server sleeps no more
};

enum class TraceBy : std::uint8_t { kFiber, kThread, kTimer };

// Why a server passed to another worker.
enum class HandoffCause : std::uint8_t {
  kStart,    // it had none yet
  kStandby,  // its standby saw that the worker was blocked
  kMonitor,  // the monitor did
  kReturn,   // a worker that came back without a server did
  kHint,     // blocking(), blocking_now()
  kPin,      // a pinned fiber waited
  kHog,      // the fiber computed on and on
  kBound,    // to or from a bound fiber
  kChaos,    // Handoff::kChaos
};
const char* name_of(HandoffCause cause) noexcept;
// Whoever lost it was in the kernel, or, at a hint, about to be.
constexpr bool is_taken_in_block(HandoffCause cause) noexcept {
  return cause == HandoffCause::kStandby || cause == HandoffCause::kMonitor ||
         cause == HandoffCause::kReturn || cause == HandoffCause::kHint;
}

// How, in one word.
struct HandoffRecord {
  static constexpr std::uint64_t kMostNs = (std::uint64_t{1} << 40) - 1;

  HandoffCause cause = HandoffCause::kStart;
  std::uint64_t latency_ns = 0;  // from the first sign of it to the new worker at work
  int system_call = -1;          // that the old worker was in; -1: not known, or none

  std::uint64_t word() const noexcept {
    return (latency_ns < kMostNs ? latency_ns : kMostNs) << 24 |
           static_cast<std::uint64_t>(system_call + 1) << 8 | static_cast<std::uint64_t>(cause);
  }
  static HandoffRecord of(std::uint64_t word) noexcept {
    return {static_cast<HandoffCause>(word & 255), word >> 24,
            static_cast<int>(word >> 8 & 0xffff) - 1};
  }
};

struct TraceEvent {
  std::uint64_t when = 0;  // ticks of trace_clock.h
  std::uint64_t fiber = 0;
  std::uint64_t other = 0;
  TraceKind kind = TraceKind::kNone;
  std::uint8_t detail = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TRACE_EVENT_H_
