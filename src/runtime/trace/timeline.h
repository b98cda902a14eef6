// SPDX-License-Identifier: Apache-2.0
// timeline.h - Timeline: what servers and fibers did when, made of the events of a trace.
//
// Events of one ring are in order. Those of all rings are merged by time, and each fiber goes
// through its states: ready, running, parked, blocked, without a server. Rings forget at different
// ages, so the timeline begins only where no ring has forgotten anything: else a fiber would seem
// to wait while it ran elsewhere.
#ifndef UMCG_RUNTIME_TRACE_TIMELINE_H_
#define UMCG_RUNTIME_TRACE_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/trace/trace_clock.h"
#include "runtime/trace/trace_event.h"

namespace umcg::inline v0::internal {

enum class SliceKind : std::uint8_t {
  kNone,
  // Of a server.
  kRun,      // fiber
  kHandoff,  // other: HandoffRecord; fiber: that had run
  kSleep,
  // Of a fiber.
  kReady,          // detail: ReadyWhy; other: by whom
  kRunning,        // other: the server
  kParked,         // other: WaitRecord
  kBlocked,        // other: HandoffRecord
  kWithoutServer,  // other: HandoffRecord; it runs on, or may
};

enum class ReadyWhy : std::uint8_t {
  kSpawnedByFiber,
  kSpawnedByThread,
  kUnparkedByFiber,
  kUnparkedByThread,
  kUnparkedByTimer,
  kYielded,
  kLostServer,
};

struct Slice {
  std::int64_t begin = 0;  // ns of CLOCK_MONOTONIC
  std::int64_t end = 0;
  std::uint64_t fiber = 0;
  std::uint64_t other = 0;
  SliceKind kind = SliceKind::kNone;
  std::uint8_t detail = 0;
};

// From a fiber that wakes or starts another one to where that one runs.
struct Arrow {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::size_t from_server = 0;
  std::size_t to_server = 0;
};

struct Steal {
  std::int64_t at = 0;
  std::uint64_t fiber = 0;
  std::size_t thief = 0;
  std::size_t victim = 0;
};

struct FiberTrack {
  std::vector<Slice> slices;
  std::size_t events = 0;
};

// The events of one ring, and how many older ones it has lost.
struct RingRecord {
  std::vector<TraceEvent> events;
  std::uint64_t lost = 0;
};

struct Timeline {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::uint64_t lost = 0;
  std::vector<std::vector<Slice>> servers;
  std::unordered_map<std::uint64_t, FiberTrack> fibers;
  std::unordered_map<std::uint64_t, std::string> names;  // as far as events spelt them
  std::vector<Arrow> arrows;
  std::vector<Steal> steals;
};

// `rings`: of each server, then the shared one. Events from before `began` are not looked at.
Timeline make_timeline(const std::vector<RingRecord>& rings, TraceClock::Pair began,
                       TraceClock::Pair ended);

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TIMELINE_H_
