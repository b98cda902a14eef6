// SPDX-License-Identifier: Apache-2.0
// fiber_report.h - FiberReport: writes what is known of fibers, one or all.
//
// Nobody is stopped and nothing is locked: a dump is for the hour in which everything is stuck, and
// what is stuck may hold any lock. So each fiber is looked at, its stack walked, and then looked at
// again: if it has moved meanwhile, that is said, and the frames are not shown. Fibers are found by
// walking the descriptors' slabs; no list of them is kept.
//
// With `may_allocate` false it calls nothing that is not safe in a signal handler: system calls,
// snprintf of numbers and strings, reads. C++ names are then shown mangled.
#ifndef UMCG_RUNTIME_DEBUG_FIBER_REPORT_H_
#define UMCG_RUNTIME_DEBUG_FIBER_REPORT_H_

#include <cstddef>
#include <cstdint>

#include "runtime/debug/thread_view.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/unwind/symbols.h"
#include "runtime/unwind/unwinder.h"
#include "runtime/waiting/wait_reason.h"

namespace umcg::inline v0::internal {

struct Worker;

// Takes a piece of text; `to` as given. May throw where the report's caller allows it.
using ReportSink = void (*)(std::uintptr_t to, const char* text, std::size_t length);
// For that: a file descriptor. Gives up when it cannot be written to.
void write_to_fd(std::uintptr_t fd, const char* text, std::size_t length) noexcept;

class FiberReport {
 public:
  FiberReport(ReportSink sink, std::uintptr_t to, bool may_allocate) noexcept
      : sink_(sink), to_(to), symbols_(may_allocate) {}

  static constexpr std::size_t kAll = ~std::size_t{0};

  // The runtime, its fibers, at most so many, and the threads that wait for something of ours.
  void write_runtime(RuntimeCore& rt, std::size_t most_fibers = kAll);
  // "umcg: fiber 12 "name": " title, and where it stands.
  void write_hog(const FiberCore& f, const char* title);
  void flush();

 private:
  static constexpr std::size_t kBuffer = 4096;
  static constexpr std::size_t kLine = 512;

  // One look at a fiber. Two that are equal speak of one and the same wait or run.
  struct View {
    std::uint64_t id = 0;
    FiberState state = FiberState::kFree;
    WaitRecord wait;
    const char* name = nullptr;
    Stack* stack = nullptr;
    bool has_lent = false;     // its stack, to the fiber that it joins
    std::uint64_t lowest = 0;  // address in use of its stack, if it has left that
    friend bool operator==(const View&, const View&) = default;
  };
  static View look_at(const FiberCore& f) noexcept;

  void write_fiber(RuntimeCore& rt, const FiberCore& f);
  void write_servers(RuntimeCore& rt);
  void write_threads();
  void add_speaker(const FiberCore& f, const View& view);
  void add_wait(const FiberCore& f, WaitRecord wait);
  void add_thread(RuntimeCore& rt, const Worker& w, const ThreadView& thread, std::int64_t since);
  void add_age(RuntimeCore& rt, std::uint64_t id);
  void add_stack(const View& view, std::uint64_t sp);
  // False if the stack was not to be seen.
  bool walk(const View& view, const Worker* w, const ThreadView& thread);
  void write_frames(bool skip_internals);

  void add(const char* format, ...) __attribute__((format(printf, 2, 3)));

  const ReportSink sink_;
  const std::uintptr_t to_;
  std::size_t length_ = 0;
  char buffer_[kBuffer];
  Unwinder unwinder_;
  Backtrace backtrace_;
  Symbols symbols_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_FIBER_REPORT_H_
