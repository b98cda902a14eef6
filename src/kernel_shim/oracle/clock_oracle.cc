// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include <new>

#include "kernel_shim/block_oracle.h"

namespace umcg::inline v0::internal::shim {
namespace {

class ClockOracle final : public BlockOracle {
 public:
  std::string_view name() const noexcept override { return "clock"; }

  Look look(const Subject& subject, std::uint64_t& seen) noexcept override {
    timespec t{};
    if (::clock_gettime(subject.clock, &t) != 0) return Look::kUnknown;
    const auto now = static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
                     static_cast<std::uint64_t>(t.tv_nsec);
    const std::uint64_t before = seen;
    seen = now;
    return before == now ? Look::kBlocked : before == 0 ? Look::kUnknown : Look::kRuns;
  }
};

}  // namespace

std::unique_ptr<BlockOracle> make_clock_oracle() { return std::make_unique<ClockOracle>(); }

}  // namespace umcg::inline v0::internal::shim
