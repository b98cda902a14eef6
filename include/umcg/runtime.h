// SPDX-License-Identifier: Apache-2.0
// runtime.h - Runtime: the servers that run fibers, and the way in from a plain thread.
//
//     int main() {
//       umcg::Runtime rt;                                          // a server for each usable CPU
//       umcg::Fiber<int> f = rt.spawn([] { return 42; });
//       return f.join() == 42 ? 0 : 1;
//     }
//
// Several runtimes may live in one process, and their fibers may use the same synchronisation
// objects.
#ifndef UMCG_RUNTIME_H_
#define UMCG_RUNTIME_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "umcg/dump.h"
#include "umcg/fiber.h"
#include "umcg/internal/config.h"
#include "umcg/stats.h"
#include "umcg/trace.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

// When a server passes to another worker although nobody asked for it.
enum class Handoff : std::uint8_t {
  kAuto,     // when a worker is seen to block, by the best way that works here
  kMonitor,  // the same, but without a standby thread for each server: later by 0.1 to 10 ms
  kOff,      // never: only at blocking(), blocking_now() and waits under a ThreadPin
  kChaos,    // as kAuto, and at every legal point with some probability, from a seed: for tests
};

// Every field may be left as it is.
struct RuntimeOptions {
  int servers = 0;  // up to 256; 0: the CPUs of the affinity mask, within the cgroup quota
  std::size_t stack_size = 256 * 1024;  // default usable stack of a fiber, bytes
  int max_workers = 0;               // OS threads that may be workers at once; 0: from the limits
  bool pin_servers = false;          // tie each server's workers to one CPU
  Handoff handoff = Handoff::kAuto;  // UMCG_HANDOFF=auto|monitor|off|chaos wins
  // What tells that a worker has blocked: "clock", "proc", "perf", "bpf", or "" for the first of
  // them that works here (docs/block-oracles.md). UMCG_ORACLE wins.
  std::string oracle = "";
  // For tests: at named points of its protocols the runtime holds a worker up, takes a fiber from
  // elsewhere, or gives a server away, by chaos_seed (docs/chaos.md). UMCG_CHAOS=SEED turns it on,
  // and wins.
  bool chaos = false;
  std::uint64_t chaos_seed = 1;  // for chaos and for Handoff::kChaos
  // Fibers that compute for so long in one run are reported on standard error, with a backtrace;
  // one each second at most. 0: none are. At least 10 ms.
  std::chrono::milliseconds report_hogs_after{0};
  std::string name = "umcg";  // shown in reports and as the threads' names, 12 bytes of it
};

class UMCG_API Runtime {
 public:
  using Options = RuntimeOptions;

  // Starts the servers. Throws std::invalid_argument for options out of range, std::system_error if
  // not even one thread per server is to be had.
  Runtime();
  explicit Runtime(Options options);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  // request_stop(), then waits for all fibers. After 5 s it dumps, once, those it still waits for.
  // On one of its own fibers it aborts. In a forked child, and when exit() was called on one of its
  // own fibers, it returns at once; not as a part of a static object whose constructor has started
  // fibers: then exit() on one of its fibers aborts too.
  ~Runtime();

  // Starts a fiber. Any fiber or thread. Never suspends. Throws std::bad_alloc when memory ends.
  template <internal::NotSpawnOptions F, class... A>
  [[nodiscard]] auto spawn(F&& f, A&&... a) {
    return FiberMaker::spawn(*core_, nullptr, std::forward<F>(f), std::forward<A>(a)...);
  }
  template <class F, class... A>
  [[nodiscard]] auto spawn(const SpawnOptions& options, F&& f, A&&... a) {
    return FiberMaker::spawn(*core_, &options, std::forward<F>(f), std::forward<A>(a)...);
  }
  // As spawn(), with nobody to join: fire and forget.
  template <internal::NotSpawnOptions F, class... A>
  void post(F&& f, A&&... a) {
    internal::launch(*core_, nullptr, true, std::forward<F>(f), std::forward<A>(a)...);
  }
  // Runs f as a fiber of this runtime and returns what it returns, or throws what it throws. From a
  // fiber it suspends; a plain thread waits in the kernel.
  template <class F>
  auto run(F&& f) -> std::invoke_result_t<F&> {
    return spawn([&f]() -> std::invoke_result_t<F&> { return f(); }).join();
  }

  // Waits until no fiber is left; false at the deadline. Not from one of its own fibers (aborts). A
  // fiber that is detached in the moment of its end may leave its result to be destroyed after
  // that.
  bool wait_idle(Deadline deadline = {});
  // Asks every fiber of now and later to stop. False if asked before.
  bool request_stop();
  Stats stats() const;
  // Begins a trace of what fibers and servers do, for ui.perfetto.dev (docs/tracing.md). The file
  // is opened now and written by end_trace() or ~Runtime. Any fiber or thread; blocks, never
  // suspends. The error of opening it, errc::not_enough_memory, or errc::operation_in_progress:
  // there is a trace already.
  [[nodiscard]] std::error_code trace_to(const std::string& path, const TraceOptions& options = {});
  // Ends it and writes the file. The error of writing it; none if there is no trace. As trace_to().
  [[nodiscard]] std::error_code end_trace();
  // Prints, on standard error, every deadlock that this runtime's fibers and plain threads are in:
  // a circle of waits for mutexes, once flags and ends of fibers, without deadlines. Returns how
  // many. Never suspends. Throws std::bad_alloc. When all is asleep the runtime looks by itself,
  // and reports once.
  std::size_t report_deadlocks() const;
  // Writes what is known of each fiber: id, name, state, age, stack, backtrace, and what it waits
  // for or does in the kernel. Any fiber or thread; suspends and throws only if the sink does.
  // Stops nobody, but for a thread that computes, which a signal asks where it stands.
  void dump(const DumpSink& sink) const;

  // The current fiber's runtime, or the one that this thread has entered. current() aborts where
  // there is none.
  static Runtime& current();
  static Runtime* try_current() noexcept;

  // While it lives, spawn() and post() on this thread mean the runtime. Nests; ends on the same
  // thread.
  class UMCG_API Enter {
   public:
    ~Enter();
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    friend class Runtime;
    explicit Enter(Runtime* rt) noexcept;
    Runtime* previous_;
  };
  // A plain thread.
  [[nodiscard]] Enter enter() noexcept { return Enter(this); }

 private:
  friend class internal::RuntimeCore;
  std::unique_ptr<internal::RuntimeCore, void (*)(internal::RuntimeCore*)> core_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_RUNTIME_H_
