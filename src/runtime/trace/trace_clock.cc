// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace/trace_clock.h"

#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>

namespace umcg::inline v0::internal {

void TraceClock::choose() noexcept {
#if defined(__aarch64__)
  counter_ = true;  // the architecture promises it
#else
  constexpr const char* kFile = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(kFile, "re"), std::fclose);
  char text[16] = "";
  counter_ = file != nullptr && std::fgets(text, sizeof text, file.get()) != nullptr &&
             std::string_view(text) == "tsc\n";
#endif
}

TraceClock::Pair TraceClock::read_both() const noexcept {
  constexpr int kTries = 8;
  Pair best;
  std::uint64_t shortest = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = ticks();
    const std::int64_t ns = now_ns();
    const std::uint64_t length = ticks() - before;
    if (length >= shortest) continue;
    shortest = length;
    best = {before + length / 2, ns};
  }
  return best;
}

TraceTime::TraceTime(TraceClock::Pair begin, TraceClock::Pair end) noexcept
    : begin_(begin),
      ns_per_tick_(end.ticks > begin.ticks ? static_cast<double>(end.ns - begin.ns) /
                                                 static_cast<double>(end.ticks - begin.ticks)
                                           : 1.0) {}

std::int64_t TraceTime::ns(std::uint64_t ticks) const noexcept {
  const auto since = static_cast<std::int64_t>(ticks - begin_.ticks);
  return begin_.ns + static_cast<std::int64_t>(static_cast<double>(since) * ns_per_tick_);
}

}  // namespace umcg::inline v0::internal
