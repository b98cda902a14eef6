// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace/trace_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <string_view>

#include "kernel_shim/oracle/describe_block.h"
#include "runtime/base/text.h"
#include "runtime/context/thread_state.h"
#include "runtime/waiting/wait_reason.h"

namespace umcg::inline v0::internal {
namespace {

// The two groups of tracks, which the format calls processes, and the numbers of tracks in them.
constexpr int kServers = 1;
constexpr int kFibers = 2;
constexpr std::size_t kFirstServer = 1;
constexpr std::size_t kFirstFiber = 1000;

// Collects text and writes it in large pieces. After an error it only keeps that.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) { text_.reserve(kPiece + kSlack); }

  void add(std::string_view text) {
    text_ += text;
    if (text_.size() >= kPiece) flush();
  }
  std::error_code finish() {
    flush();
    return error_;
  }

 private:
  static constexpr std::size_t kPiece = 1 << 20;
  static constexpr std::size_t kSlack = 4096;

  void flush() {
    std::string_view left = text_;
    while (!left.empty() && !error_) {
      const ssize_t n = ::write(fd_, left.data(), left.size());
      if (n >= 0) {
        left.remove_prefix(static_cast<std::size_t>(n));
      } else if (const int code = *errno_location(); code != EINTR) {
        error_ = {code, std::generic_category()};
      }
    }
    text_.clear();
  }

  const int fd_;
  std::string text_;
  std::error_code error_;
};

// The format's unit is the microsecond.
std::string micro(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%" PRId64 ".%03" PRId64, ns / 1000, ns % 1000);
  return text;
}

std::string system_call_name(int number) {
  const std::string_view name = shim::syscall_name(number);
  return name.empty() ? "system call " + std::to_string(number) : std::string(name) + "(2)";
}

class Writer {
 public:
  Writer(int fd, const Timeline& line, const TraceText& text)
      : out_(fd), line_(line), text_(text) {}

  std::error_code write() {
    const std::vector<std::uint64_t> fibers = choose_fibers();
    out_.add(
        "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"runtime\":" + json_string(text_.runtime) +
        ",\"clock\":\"CLOCK_MONOTONIC\",\"begin_ns\":" + std::to_string(line_.begin) +
        ",\"length_ns\":" + std::to_string(line_.end - line_.begin) +
        ",\"events_overwritten\":" + std::to_string(line_.lost) + ",\"fibers_without_track\":" +
        std::to_string(line_.fibers.size() - fibers.size()) + "},\n\"traceEvents\":[\n");
    name_group(kServers, "servers of " + text_.runtime);
    name_group(kFibers, "fibers of " + text_.runtime);
    write_servers();
    for (std::size_t i = 0; i < fibers.size(); ++i) write_fiber(fibers[i], kFirstFiber + i);
    for (std::size_t i = 0; i < line_.arrows.size(); ++i) write_arrow(line_.arrows[i], i + 1);
    out_.add("\n]}\n");
    return out_.finish();
  }

 private:
  // Those with the most events, in the order of their ids.
  std::vector<std::uint64_t> choose_fibers() const {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, track] : line_.fibers) ids.push_back(id);
    if (ids.size() > text_.fiber_tracks) {
      const auto more = [this](std::uint64_t a, std::uint64_t b) {
        const std::size_t in_a = line_.fibers.at(a).events;
        const std::size_t in_b = line_.fibers.at(b).events;
        return in_a != in_b ? in_a > in_b : a < b;
      };
      std::sort(ids.begin(), ids.end(), more);
      ids.resize(text_.fiber_tracks);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  std::string name_of_fiber(std::uint64_t id) const {
    for (const auto* names : {&text_.names, &line_.names}) {
      if (const auto found = names->find(id); found != names->end() && !found->second.empty()) {
        return found->second + " " + std::to_string(id);
      }
    }
    return "fiber " + std::to_string(id);
  }

  void event(char phase, int group, std::size_t track, std::int64_t at, const std::string& name,
             const std::string& rest) {
    out_.add(std::string(first_ ? "" : ",\n") + "{\"ph\":\"" + phase +
             "\",\"pid\":" + std::to_string(group) + ",\"tid\":" + std::to_string(track) +
             ",\"ts\":" + micro(at - line_.begin) + ",\"name\":" + json_string(name) + rest + "}");
    first_ = false;
  }

  void name_group(int group, const std::string& name) {
    event('M', group, 0, line_.begin, "process_name",
          ",\"args\":{\"name\":" + json_string(name) + "}");
  }
  void name_track(int group, std::size_t track, const std::string& name) {
    event('M', group, track, line_.begin, "thread_name",
          ",\"args\":{\"name\":" + json_string(name) + "}");
    event('M', group, track, line_.begin, "thread_sort_index",
          ",\"args\":{\"sort_index\":" + std::to_string(track) + "}");
  }

  void write_servers() {
    for (std::size_t i = 0; i < line_.servers.size(); ++i) {
      name_track(kServers, kFirstServer + i, "server " + std::to_string(i));
      if (line_.lost != 0) {
        event('i', kServers, kFirstServer + i, line_.begin,
              std::to_string(line_.lost) + " earlier events were overwritten", ",\"s\":\"t\"");
      }
      for (const Slice& s : line_.servers[i]) slice(kServers, kFirstServer + i, s);
    }
    for (const Steal& s : line_.steals) {
      event('i', kServers, kFirstServer + s.thief, s.at, "steal",
            ",\"s\":\"t\",\"cat\":\"steal\",\"args\":{\"fiber\":" + std::to_string(s.fiber) +
                ",\"from_server\":" + std::to_string(s.victim) + "}");
    }
  }

  void write_fiber(std::uint64_t id, std::size_t track) {
    name_track(kFibers, track, name_of_fiber(id));
    for (const Slice& s : line_.fibers.at(id).slices) slice(kFibers, track, s);
  }

  void write_arrow(const Arrow& a, std::size_t number) {
    const std::string id = ",\"cat\":\"wake\",\"id\":" + std::to_string(number);
    event('s', kServers, kFirstServer + a.from_server, a.from, "wakes", id);
    event('f', kServers, kFirstServer + a.to_server, a.to, "wakes", id + ",\"bp\":\"e\"");
  }

  void slice(int group, std::size_t track, const Slice& s) {
    const Description d = describe_slice(s);
    event('X', group, track, s.begin, d.name,
          ",\"dur\":" + micro(s.end - s.begin) + ",\"cat\":\"" + d.category + "\",\"args\":{" +
              d.arguments + "}");
  }

  struct Description {
    std::string name;
    std::string category;
    std::string arguments;
  };

  Description describe_slice(const Slice& s) const {
    switch (s.kind) {
      case SliceKind::kRun:
        return {name_of_fiber(s.fiber), "run", "\"fiber\":" + std::to_string(s.fiber)};
      case SliceKind::kHandoff: {
        const HandoffRecord record = HandoffRecord::of(s.other);
        return {std::string("hand-off: ") + name_of(record.cause), "hand-off",
                cause_of(record) + ",\"latency_ns\":" + std::to_string(record.latency_ns) +
                    ",\"fiber\":" + std::to_string(s.fiber)};
      }
      case SliceKind::kSleep:
        return {"asleep", "sleep", ""};
      case SliceKind::kReady:
        return {"ready", "ready", why_ready(s)};
      case SliceKind::kRunning:
        return {"running", "running", "\"server\":" + std::to_string(s.other)};
      case SliceKind::kParked:
        return describe_park(s);
      case SliceKind::kBlocked: {
        const HandoffRecord record = HandoffRecord::of(s.other);
        return {record.system_call >= 0 ? "in " + system_call_name(record.system_call) : "blocked",
                "blocked", cause_of(record)};
      }
      case SliceKind::kWithoutServer:
        return {"without a server", "without-server", cause_of(HandoffRecord::of(s.other))};
      case SliceKind::kNone:
        break;
    }
    return {};
  }

  static std::string cause_of(const HandoffRecord& record) {
    std::string text = "\"cause\":\"" + std::string(name_of(record.cause)) + "\"";
    if (record.system_call >= 0) {
      text += ",\"system_call\":" + json_string(system_call_name(record.system_call));
    }
    return text;
  }

  static Description describe_park(const Slice& s) {
    const WaitRecord wait(s.other);
    const std::string what = describe(WaitRecord::after(0, wait.reason(), nullptr, false)).text;
    char object[32];
    std::snprintf(object, sizeof object, "\"%p\"", wait.object());
    return {what, "parked",
            "\"object\":" + std::string(object) +
                ",\"deadline\":" + (wait.is_bounded() ? "true" : "false")};
  }

  std::string why_ready(const Slice& s) const {
    const auto why = [&](const char* text, const std::string& by) {
      return "\"why\":\"" + std::string(text) + "\"" +
             (by.empty() ? "" : ",\"by\":" + json_string(by));
    };
    const std::string by_fiber = s.other != 0 ? name_of_fiber(s.other) : "";
    const std::string by_thread = "thread " + std::to_string(s.other);
    switch (static_cast<ReadyWhy>(s.detail)) {
      case ReadyWhy::kSpawnedByFiber:
        return why("spawned", by_fiber);
      case ReadyWhy::kSpawnedByThread:
        return why("spawned", by_thread);
      case ReadyWhy::kUnparkedByFiber:
        return why("unparked", by_fiber);
      case ReadyWhy::kUnparkedByThread:
        return why("unparked", by_thread);
      case ReadyWhy::kUnparkedByTimer:
        return why("unparked", "its deadline");
      case ReadyWhy::kYielded:
        return why("yielded", "");
      case ReadyWhy::kLostServer:
        return why("lost its server", "");
    }
    return "";
  }

  Output out_;
  const Timeline& line_;
  const TraceText& text_;
  bool first_ = true;
};

}  // namespace

std::error_code write_trace(int fd, const Timeline& line, const TraceText& text) {
  return Writer(fd, line, text).write();
}

}  // namespace umcg::inline v0::internal
