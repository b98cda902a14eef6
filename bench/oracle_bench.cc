// SPDX-License-Identifier: Apache-2.0
// oracle_bench.cc - block oracles: what a look costs, and what they cost the one looked at.
//
//     look_blocked, look_running   one look at a thread that is blocked, and at one that computes
//                                  beside the looker, on the second CPU
//     switch                       one switch between two threads on one CPU that are watched.
//                                  Floor: the same, not watched
//
// An oracle that the machine does not permit is left out.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "common/floor_switch.h"
#include "common/harness.h"
#include "kernel_shim/block_oracle.h"

namespace bench {
namespace {

namespace shim = umcg::internal::shim;

// A thread that blocks, or computes, until the end.
class Watched {
 public:
  Watched(shim::BlockOracle& oracle, bool blocks)
      : thread_([this, &oracle, blocks] { live(oracle, blocks); }) {
    attached_.wait(kNotYet);
  }
  ~Watched() {
    ending_.store(true);
    ending_.notify_one();
    thread_.join();
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  bool is_attached() const { return attached_.load() == kYes; }
  const shim::Subject& subject() const { return subject_; }
  std::uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }

 private:
  enum State : int { kNotYet, kYes, kNo };

  void live(shim::BlockOracle& oracle, bool blocks) {
    attached_.store(oracle.attach(subject_) ? kYes : kNo);
    attached_.notify_one();
    if (blocks) ending_.wait(false);
    while (!ending_.load(std::memory_order_relaxed)) {
      steps_.store(steps() + 1, std::memory_order_relaxed);
    }
    if (is_attached()) oracle.detach(subject_);
  }

  shim::Subject subject_;
  std::atomic<State> attached_{kNotYet};
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> steps_{0};
  std::thread thread_;
};

std::string impl_of(shim::OracleKind kind) { return "umcg_" + std::string(name_of(kind)); }

// Right if most looks saw the block; or if not all did although the thread went on.
bool look_often(shim::BlockOracle& oracle, const Watched& thread, bool blocks, std::int64_t n) {
  std::uint64_t seen = 0;
  std::int64_t blocked = 0;
  const std::uint64_t steps = thread.steps();
  for (std::int64_t i = 0; i < n; ++i) {
    blocked += oracle.look(thread.subject(), seen) == shim::Look::kBlocked;
  }
  return blocks ? blocked > n / 2 : blocked < n || thread.steps() == steps;
}

void add_look(shim::OracleKind kind, bool blocks) {
  add(blocks ? "oracle/look_blocked" : "oracle/look_running", impl_of(kind), 2, [=](auto& state) {
    const std::int64_t n = full_or_smoke(10'000, 100);
    const std::unique_ptr<shim::BlockOracle> oracle = shim::make_oracle(kind);
    Watched thread(*oracle, blocks);
    if (!thread.is_attached()) return fail(state, "not attached");
    // The block comes soon, not at once.
    for (int i = 0; blocks && i < 1000 && !look_often(*oracle, thread, true, 10); ++i) {
      std::this_thread::yield();
    }
    OnThisThread here;
    measure(state, here, static_cast<double>(n),
            [&] { return look_often(*oracle, thread, blocks, n); });
  });
}

// Both threads take part by around(f).
template <class Around>
void measure_switch(benchmark::State& state, Around around) {
  const std::int64_t n = full_or_smoke(5'000, 100);
  OnThisThread here;
  measure(state, here, 2.0 * static_cast<double>(n),
          [=] { return FutexPair::round_trips(n, around) == n; });
}

void add_switch(shim::OracleKind kind) {
  add("oracle/switch", impl_of(kind), 1, [=](auto& state) {
    const std::unique_ptr<shim::BlockOracle> oracle = shim::make_oracle(kind);
    measure_switch(state, [&oracle](auto f) {
      shim::Subject subject;
      const bool attached = oracle->attach(subject);
      f();
      if (attached) oracle->detach(subject);
    });
  });
}

void add_floor() {
  add("oracle/switch", "floor", 1, [](auto& state) { measure_switch(state, [](auto f) { f(); }); });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using umcg::internal::shim::OracleKind;
  bench::add_floor();
  for (const auto kind :
       {OracleKind::kClock, OracleKind::kProc, OracleKind::kPerf, OracleKind::kBpf}) {
    // Not kept: that of bpf makes all switches of the machine dearer while it lives.
    if (const auto oracle = make_oracle(kind); oracle == nullptr || !oracle_works(*oracle))
      continue;
    bench::add_look(kind, true);
    bench::add_look(kind, false);
    bench::add_switch(kind);
  }
  return bench::run_main(argc, argv);
}
