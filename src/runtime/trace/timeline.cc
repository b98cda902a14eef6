// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace/timeline.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace umcg::inline v0::internal {
namespace {

struct Moment {
  std::int64_t at;
  std::size_t ring;
  const TraceEvent* event;
};

// All events that can be relied on, in order of time.
std::vector<Moment> merge(const std::vector<RingRecord>& rings, const TraceTime& time,
                          TraceClock::Pair began, TraceClock::Pair ended, Timeline& line) {
  std::vector<Moment> all;
  for (std::size_t ring = 0; ring < rings.size(); ++ring) {
    std::int64_t latest = began.ns;
    bool first = true;
    for (const TraceEvent& e : rings[ring].events) {
      // Of another trace, by a worker that was slow.
      if (e.when < began.ticks || e.when > ended.ticks) continue;
      // Each holder's clock goes forward; two holders' may differ by some ns.
      latest = std::max(latest, time.ns(e.when));
      if (first && rings[ring].lost != 0) line.begin = std::max(line.begin, latest);
      first = false;
      all.push_back({latest, ring, &e});
    }
    line.lost += rings[ring].lost;
  }
  std::erase_if(all, [&](const Moment& m) {
    if (m.at >= line.begin) return false;
    ++line.lost;
    return true;
  });
  std::stable_sort(all.begin(), all.end(),
                   [](const Moment& a, const Moment& b) { return a.at < b.at; });
  return all;
}

// What a server is at.
class ServerState {
 public:
  ServerState(std::vector<Slice>& slices, std::int64_t begin) : slices_(slices), since_(begin) {}

  void begin(SliceKind kind, std::int64_t at, std::uint64_t fiber) {
    end(at);
    open_ = {at, at, fiber, 0, kind, 0};
  }
  // Never before what was told last.
  std::int64_t end(std::int64_t at) {
    at = std::max(at, since_);
    if (open_.kind != SliceKind::kNone) {
      open_.begin = std::max(open_.begin, since_);
      open_.end = at;
      slices_.push_back(open_);
    }
    open_ = {};
    since_ = at;
    fresh_ = false;
    return at;
  }
  // The fiber leaves; if nothing is known yet, it has run since the beginning.
  void leave(std::int64_t at, std::uint64_t fiber) {
    if (fresh_) open_ = {since_, at, fiber, 0, SliceKind::kRun, 0};
    if (open_.kind == SliceKind::kRun) end(at);
  }
  void hand_over(std::int64_t since, std::int64_t at, const TraceEvent& e) {
    if (fresh_ && e.fiber != 0) open_ = {since_, at, e.fiber, 0, SliceKind::kRun, 0};
    since = end(std::min(since, at));
    slices_.push_back({since, std::max(at, since), e.fiber, e.other, SliceKind::kHandoff, 0});
    since_ = std::max(at, since);
  }
  // Whether nothing is known of it yet.
  bool is_fresh() const { return fresh_; }

 private:
  std::vector<Slice>& slices_;
  std::int64_t since_;
  Slice open_;
  bool fresh_ = true;
};

struct FiberState {
  Slice open;
  bool has_arrow = false;
  Arrow arrow;
};

class Builder {
 public:
  Builder(Timeline& line, std::size_t servers) : line_(line) {
    line.servers.resize(servers);
    for (std::size_t i = 0; i < servers; ++i) servers_.emplace_back(line.servers[i], line.begin);
  }

  void take(const Moment& m) {
    const TraceEvent& e = *m.event;
    if (m.ring < servers_.size()) take_for_server(m, e);
    if (e.fiber == 0) return;
    if (e.kind == TraceKind::kName) {
      spell(e);
    } else {
      ++line_.fibers[e.fiber].events;
      take_for_fiber(m, e);
    }
  }

  void finish() {
    for (ServerState& s : servers_) s.end(line_.end);
    for (auto& [fiber, state] : fibers_) change(fiber, state, line_.end, SliceKind::kNone);
  }

 private:
  static std::int64_t first_sign(std::int64_t at, const HandoffRecord& record) {
    return at - static_cast<std::int64_t>(record.latency_ns);
  }

  void spell(const TraceEvent& e) {
    char piece[sizeof e.other];
    std::memcpy(piece, &e.other, sizeof piece);
    std::string& name = line_.names[e.fiber];
    if (name.size() == e.detail) name += std::string_view(piece, strnlen(piece, sizeof piece));
  }

  void take_for_server(const Moment& m, const TraceEvent& e) {
    ServerState& s = servers_[m.ring];
    switch (e.kind) {
      case TraceKind::kRun:
        s.begin(SliceKind::kRun, m.at, e.fiber);
        break;
      case TraceKind::kPark:
      case TraceKind::kYield:
      case TraceKind::kEnd:
        if (s.is_fresh()) run_since_begin_ = e.fiber;
        s.leave(m.at, e.fiber);
        break;
      case TraceKind::kHandoff:
        if (s.is_fresh()) run_since_begin_ = e.fiber;
        s.hand_over(first_sign(m.at, HandoffRecord::of(e.other)), m.at, e);
        break;
      case TraceKind::kSleep:
        s.begin(SliceKind::kSleep, m.at, 0);
        break;
      case TraceKind::kWake:
        s.end(m.at);
        break;
      case TraceKind::kSteal:
        line_.steals.push_back({m.at, e.fiber, m.ring, static_cast<std::size_t>(e.other)});
        break;
      default:
        break;
    }
  }

  // Ends the present state, if it is known, and begins another.
  void change(std::uint64_t fiber, FiberState& f, std::int64_t at, SliceKind kind,
              std::uint64_t other = 0, std::uint8_t detail = 0) {
    if (f.open.kind != SliceKind::kNone) {
      at = std::max(at, f.open.begin);
      f.open.end = at;
      line_.fibers[fiber].slices.push_back(f.open);
    }
    f.open = {at, at, fiber, other, kind, detail};
  }

  void make_ready(const Moment& m, const TraceEvent& e, FiberState& f, ReadyWhy by_fiber) {
    const auto why = static_cast<std::uint8_t>(static_cast<std::uint8_t>(by_fiber) + e.detail);
    change(e.fiber, f, m.at, SliceKind::kReady, e.other, why);
    f.has_arrow = m.ring < servers_.size() && e.other != 0;
    f.arrow = {m.at, m.at, m.ring, 0};
  }

  void take_for_fiber(const Moment& m, const TraceEvent& e) {
    FiberState& f = fibers_[e.fiber];
    if (run_since_begin_ == e.fiber) {
      if (f.open.kind == SliceKind::kNone) {
        f.open = {line_.begin, line_.begin, e.fiber, m.ring, SliceKind::kRunning, 0};
      }
      run_since_begin_ = 0;
    }
    switch (e.kind) {
      case TraceKind::kSpawn:
        make_ready(m, e, f, ReadyWhy::kSpawnedByFiber);
        break;
      case TraceKind::kUnpark:
        // Not of one whose wait was ended while it was on its way out, and which then ran on.
        if (f.open.kind == SliceKind::kParked || f.open.kind == SliceKind::kNone) {
          make_ready(m, e, f, ReadyWhy::kUnparkedByFiber);
        }
        break;
      case TraceKind::kRun:
        change(e.fiber, f, m.at, SliceKind::kRunning, m.ring);
        if (f.has_arrow) {
          f.arrow.to = m.at;
          f.arrow.to_server = m.ring;
          line_.arrows.push_back(f.arrow);
        }
        f.has_arrow = false;
        break;
      case TraceKind::kPark:
        change(e.fiber, f, m.at, SliceKind::kParked, e.other);
        break;
      case TraceKind::kYield:
        change(e.fiber, f, m.at, SliceKind::kReady, 0, code(ReadyWhy::kYielded));
        break;
      case TraceKind::kQueue:
        change(e.fiber, f, m.at, SliceKind::kReady, 0, code(ReadyWhy::kLostServer));
        break;
      case TraceKind::kEnd:
        change(e.fiber, f, m.at, SliceKind::kNone);
        break;
      case TraceKind::kHandoff:
        lose_server(m, e, f);
        break;
      case TraceKind::kReturn:
        come_back(m, e, f);
        break;
      default:
        break;
    }
  }

  // The new holder tells. The fiber may have been faster, and be anywhere by now.
  void lose_server(const Moment& m, const TraceEvent& e, FiberState& f) {
    if (f.open.kind != SliceKind::kRunning || f.open.other != m.ring) return;
    const HandoffRecord record = HandoffRecord::of(e.other);
    const bool blocks = is_taken_in_block(record.cause) || record.cause == HandoffCause::kPin;
    change(e.fiber, f, first_sign(m.at, record),
           blocks ? SliceKind::kBlocked : SliceKind::kWithoutServer, e.other);
  }

  // It was off the CPU for all of the time but `other`; that it computed at the end is a guess if
  // it blocked more than once.
  void come_back(const Moment& m, const TraceEvent& e, FiberState& f) {
    const std::uint64_t record = f.open.other;
    if (f.open.kind == SliceKind::kBlocked) {
      const std::int64_t since = m.at - static_cast<std::int64_t>(e.other);
      change(e.fiber, f, since, SliceKind::kWithoutServer, record);
    } else if (f.open.kind == SliceKind::kRunning) {
      change(e.fiber, f, m.at, SliceKind::kWithoutServer, HandoffRecord().word());
    }
  }

  static std::uint8_t code(ReadyWhy why) { return static_cast<std::uint8_t>(why); }

  Timeline& line_;
  std::vector<ServerState> servers_;
  std::unordered_map<std::uint64_t, FiberState> fibers_;
  std::uint64_t run_since_begin_ = 0;  // the fiber of this event has
};

}  // namespace

const char* name_of(HandoffCause cause) noexcept {
  switch (cause) {
    case HandoffCause::kStart:
      return "start";
    case HandoffCause::kStandby:
      return "standby";
    case HandoffCause::kMonitor:
      return "monitor";
    case HandoffCause::kReturn:
      return "return";
    case HandoffCause::kHint:
      return "hint";
    case HandoffCause::kPin:
      return "pin";
    case HandoffCause::kHog:
      return "hog";
    case HandoffCause::kBound:
      return "bound";
    case HandoffCause::kChaos:
      return "chaos";
  }
  return "?";
}

Timeline make_timeline(const std::vector<RingRecord>& rings, TraceClock::Pair began,
                       TraceClock::Pair ended) {
  Timeline line;
  line.begin = began.ns;
  line.end = ended.ns;
  const std::vector<Moment> moments = merge(rings, TraceTime(began, ended), began, ended, line);
  Builder builder(line, rings.size() - 1);
  for (const Moment& m : moments) builder.take(m);
  builder.finish();
  return line;
}

}  // namespace umcg::inline v0::internal
