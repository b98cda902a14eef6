// SPDX-License-Identifier: Apache-2.0
// harness.h - names, clocks and checks that all benchmarks share.
//
// A benchmark is named theme/variant/impl/servers; report.py makes one line of the table out of
// all that differ in impl only. Each reports a counter ns_per_op. The clock is read inside run(),
// by the first fiber (or task), so that the way from main() into a runtime is not part of the
// figure, whichever runtime it is. Every iteration verifies its result; a wrong one fails the
// benchmark and the program.
#ifndef UMCG_BENCH_COMMON_HARNESS_H_
#define UMCG_BENCH_COMMON_HARNESS_H_

#include <benchmark/benchmark.h>
#include <gnu/libc-version.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "common/cpus.h"

namespace bench {

using Clock = std::chrono::steady_clock;

// Set by run.sh --smoke: does it run and verify? The figures mean nothing then.
inline bool smoke() {
  static const bool value = std::getenv("UMCG_BENCH_SMOKE") != nullptr;
  return value;
}
template <class T>
T full_or_smoke(T full, T small) {
  return smoke() ? small : full;
}

inline bool& any_failure() {
  static bool value = false;
  return value;
}

inline void fail(benchmark::State& state, const char* what) {
  any_failure() = true;
  state.SkipWithError(what);
}

inline double seconds_of(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

// How long a repetition lasts.
enum class Length {
  kFull,   // what the command line says
  kQuick,  // less: for themes of many lines whose iterations are short
  kOnce,   // one iteration
};

// Registers fn(state) under theme/variant/impl/servers, confined to so many CPUs.
template <class Fn>
benchmark::internal::Benchmark* register_on(int cpus, const std::string& theme_and_variant,
                                            const std::string& impl, int servers, Fn fn) {
  const std::string name = theme_and_variant + "/" + impl + "/" + std::to_string(servers);
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), [cpus, fn](auto& state) {
    CpuScope scope(cpus);
    fn(state);
  });
  return registered->UseManualTime();
}

// Registers fn(state) under theme/variant/impl/servers. A line that needs more CPUs than there are
// is left out.
template <class Fn>
void add(const std::string& theme_and_variant, const std::string& impl, int servers, Fn fn,
         Length length = Length::kFull) {
  if (servers > usable_cpus()) return;
  auto* registered = register_on(servers, theme_and_variant, impl, servers, std::move(fn));
  if (length == Length::kOnce) registered->Iterations(1)->Unit(benchmark::kMillisecond);
  if (length == Length::kQuick && !smoke()) registered->MinTime(0.03);
}

// For what takes so long that one measurement per repetition will do.
template <class Fn>
void add_once(const std::string& theme_and_variant, const std::string& impl, int servers, Fn fn) {
  add(theme_and_variant, impl, servers, std::move(fn), Length::kOnce);
}

// Adds up the iterations of a benchmark, each of which did the same number of operations.
class Stopwatch {
 public:
  explicit Stopwatch(benchmark::State& state) : state_(state) {}
  void iteration(Clock::duration elapsed) {
    state_.SetIterationTime(seconds_of(elapsed));
    total_ += elapsed;
  }
  // Not the library's inverted rate, which it would print as a number of seconds.
  void report(double ops_per_iteration) {
    const double ops = ops_per_iteration * static_cast<double>(state_.iterations());
    state_.counters["ns_per_op"] = seconds_of(total_) * 1e9 / ops;
  }

 private:
  benchmark::State& state_;
  Clock::duration total_{};
};

// Times work(), which does `ops` operations and says whether their result is right. The first call
// is not timed: it fills caches of stacks and faults pages in.
template <class Impl, class Work>
void measure(benchmark::State& state, Impl& impl, double ops, Work work) {
  bool ok = true;
  impl.run([&] { ok = work(); });
  Stopwatch watch(state);
  for (auto _ : state) {
    Clock::duration elapsed{};
    bool correct = false;
    impl.run([&] {
      const Clock::time_point start = Clock::now();
      correct = work();
      elapsed = Clock::now() - start;
    });
    watch.iteration(elapsed);
    ok = ok && correct;
  }
  watch.report(ops);
  if (!ok) fail(state, "wrong result");
}

// Registers work(impl), measured as above, as a quick line of an implementation.
template <class Impl, class Work>
void add_quick(const std::string& theme_and_variant, int servers, double ops, Work work) {
  add(
      theme_and_variant, Impl::name(servers), servers,
      [=](benchmark::State& state) {
        Impl impl(servers);
        measure(state, impl, ops, [&] { return work(impl); });
      },
      Length::kQuick);
}

// The same for a floor: plain code on the benchmark's own thread.
struct OnThisThread {
  template <class F>
  void run(F&& f) {
    f();
  }
};

inline int run_main(int argc, char** argv) {
  // Peers allocate their stacks by malloc. glibc's defaults would give each back to the kernel and
  // fault it in anew, which measures the kernel; this favours the peers.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
  (void)process_cpus();

  benchmark::AddCustomContext("umcg_smoke", smoke() ? "1" : "0");
  benchmark::AddCustomContext("umcg_libc", gnu_get_libc_version());
#if defined(__clang__)
  benchmark::AddCustomContext("umcg_compiler", "clang " __clang_version__);
#else
  benchmark::AddCustomContext("umcg_compiler", "gcc " __VERSION__);
#endif
#if defined(__OPTIMIZE__) && defined(NDEBUG)
  benchmark::AddCustomContext("umcg_optimised", "1");
#else
  benchmark::AddCustomContext("umcg_optimised", "0");
#endif
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return any_failure() ? 1 : 0;
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_HARNESS_H_
