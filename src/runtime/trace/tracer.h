// SPDX-License-Identifier: Apache-2.0
// tracer.h - Tracer: the trace of one runtime, from trace_to() to the file.
//
// A ring of events for each server, written by its holder, and one for all who hold no server,
// under a brief lock. That a trace is on is a bit of Server::hooks, which the hot paths look at
// (points.h), and on() for the others. The file is written at the end, from what the rings have
// then: nothing is written while fibers run. A worker that has seen the bit may record one event
// more after the end; its time stamp tells that it does not belong to a later trace. That is why
// rings are kept until the runtime ends.
#ifndef UMCG_RUNTIME_TRACE_TRACER_H_
#define UMCG_RUNTIME_TRACE_TRACER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "runtime/base/brief_lock.h"
#include "runtime/trace/trace_clock.h"
#include "runtime/trace/trace_event.h"
#include "runtime/trace/trace_ring.h"
#include "umcg/trace.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;

class Tracer {
 public:
  explicit Tracer(RuntimeCore& rt) : rt_(rt) {}
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // User code, or a plain thread. See Runtime::trace_to() and end_trace().
  std::error_code start(const std::string& path, const TraceOptions& options);
  std::error_code stop();

  bool on() const noexcept { return on_.load(std::memory_order_relaxed); }
  // The holder of the server, inside the runtime.
  void add(Server& s, TraceKind kind, std::uint64_t fiber, std::uint64_t other = 0,
           std::uint8_t detail = 0) noexcept;
  // Anybody else.
  void add_shared(TraceKind kind, std::uint64_t fiber, std::uint64_t other = 0,
                  std::uint8_t detail = 0) noexcept;

 private:
  using Names = std::unordered_map<std::uint64_t, std::string>;

  // The rings of one size.
  struct Rings {
    std::size_t events;
    std::vector<std::unique_ptr<TraceRing>> all;  // of each server, then the shared one
  };
  Rings& rings_of(std::size_t events);
  void set_hooks(bool on) noexcept;
  void add_live_names(Names& names) const;
  std::error_code write();

  RuntimeCore& rt_;
  std::atomic<bool> on_{false};
  TraceClock clock_;  // chosen before the first trace
  BriefLock shared_lock_;
  std::atomic<TraceRing*> shared_{nullptr};

  std::mutex lock_;  // over start and stop
  // Under lock_.
  std::vector<Rings> made_;
  std::size_t used_ = 0;  // which of them
  TraceOptions options_;
  int file_ = -1;
  TraceClock::Pair began_;
  std::vector<std::uint64_t> counts_at_start_;
  Names names_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TRACER_H_
