// SPDX-License-Identifier: Apache-2.0
// choose.cc - which oracle a runtime gets.
//
// The clock first: it needs nothing, works in the barest container, and costs the subject nothing.
// perf costs each switch a record, and bpf each switch of the whole machine a little, so they are
// not taken without being asked for while there is another.
#include <array>
#include <atomic>
#include <string>
#include <utility>

#include "kernel_shim/oracle/kinds.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::array kKinds{OracleKind::kClock, OracleKind::kProc, OracleKind::kPerf,
                            OracleKind::kBpf};
constexpr std::array kAutomatic{OracleKind::kClock, OracleKind::kProc, OracleKind::kPerf};

// Threads that the oracle cannot have are watched by their clocks.
class WithClock final : public BlockOracle {
 public:
  explicit WithClock(std::unique_ptr<BlockOracle> oracle) : oracle_(std::move(oracle)) {}

  std::string_view name() const noexcept override { return oracle_->name(); }

  bool attach(Subject& subject) noexcept override {
    subject.by_clock = !oracle_->attach(subject);
    return !subject.by_clock || clock_->attach(subject);
  }

  void detach(Subject& subject) noexcept override { of(subject).detach(subject); }

  Look look(const Subject& subject, std::uint64_t& seen) noexcept override {
    return of(subject).look(subject, seen);
  }

 private:
  BlockOracle& of(const Subject& subject) const noexcept {
    return subject.by_clock ? *clock_ : *oracle_;
  }

  const std::unique_ptr<BlockOracle> oracle_;
  const std::unique_ptr<BlockOracle> clock_ = make_clock_oracle();
};

// nullptr if there is none, or it does not work.
std::unique_ptr<BlockOracle> make_working(OracleKind kind) {
  enum : std::uint8_t { kUntried, kWorks, kFails };
  static constinit std::array<std::atomic<std::uint8_t>, kKinds.size()> results{};
  std::atomic<std::uint8_t>& result = results[static_cast<std::size_t>(kind)];
  // Relaxed: at worst two threads try at once and find the same.
  if (result.load(std::memory_order_relaxed) == kFails) return nullptr;
  std::unique_ptr<BlockOracle> oracle = make_oracle(kind);
  if (result.load(std::memory_order_relaxed) == kUntried) {
    // Twice: once may be lost to a crowded machine, and what is found holds for the process.
    bool works = false;
    for (int tries = 0; tries < 2 && !works && oracle != nullptr; ++tries) {
      works = oracle_works(*oracle);
    }
    result.store(works ? kWorks : kFails, std::memory_order_relaxed);
    if (!works) return nullptr;
  }
  if (oracle == nullptr || kind == OracleKind::kClock) return oracle;
  return std::make_unique<WithClock>(std::move(oracle));
}

}  // namespace

std::string_view name_of(OracleKind kind) noexcept {
  switch (kind) {
    case OracleKind::kClock:
      return "clock";
    case OracleKind::kProc:
      return "proc";
    case OracleKind::kPerf:
      return "perf";
    case OracleKind::kBpf:
      return "bpf";
  }
  return {};
}

std::unique_ptr<BlockOracle> make_oracle(OracleKind kind) {
  switch (kind) {
    case OracleKind::kClock:
      return make_clock_oracle();
    case OracleKind::kProc:
      return make_proc_oracle();
    case OracleKind::kPerf:
      return make_perf_oracle();
    case OracleKind::kBpf:
      return make_bpf_oracle();
  }
  return nullptr;
}

std::unique_ptr<BlockOracle> choose_oracle(std::string_view wanted, std::string* why) {
  why->clear();
  if (!wanted.empty() && wanted != "auto") {
    *why = "there is no block oracle \"" + std::string(wanted) + "\"";
    for (const OracleKind kind : kKinds) {
      if (wanted != name_of(kind)) continue;
      if (std::unique_ptr<BlockOracle> oracle = make_working(kind)) {
        why->clear();
        return oracle;
      }
      *why = "the block oracle \"" + std::string(wanted) + "\" does not work here";
    }
  }
  for (const OracleKind kind : kAutomatic) {
    std::unique_ptr<BlockOracle> oracle = make_working(kind);
    if (oracle == nullptr) continue;
    if (!why->empty()) *why += "; taking \"" + std::string(oracle->name()) + "\"";
    return oracle;
  }
  *why = "no block oracle works here; blocked fibers may go unnoticed";
  return make_clock_oracle();
}

}  // namespace umcg::inline v0::internal::shim
