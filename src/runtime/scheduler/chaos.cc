// SPDX-License-Identifier: Apache-2.0
#include "runtime/scheduler/chaos.h"

#include <sched.h>
#include <time.h>

namespace umcg::inline v0::internal {
namespace {

constexpr std::uint64_t kOneHeldIn = 32;
constexpr std::uint64_t kOneSleepIn = 4;  // of those
constexpr std::uint64_t kOneTurnIn = 16;
constexpr std::uint32_t kMostUs = 100;

// splitmix64: each bit of the result depends on each of x.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

ChaosDecision Chaos::decide(std::uint64_t seed, ChaosPoint point, std::uint64_t n) noexcept {
  std::uint64_t bits = mix(mix(mix(seed) + static_cast<std::uint64_t>(point)) + n);
  const auto one_in = [&bits](std::uint64_t m) {
    const bool chosen = bits % m == 0;
    bits /= m;
    return chosen;
  };
  ChaosDecision d;
  d.turn = one_in(kOneTurnIn);
  d.held = one_in(kOneHeldIn);
  if (one_in(kOneSleepIn)) d.us = 1 + static_cast<std::uint32_t>(bits % kMostUs);
  return d;
}

ChaosDecision Chaos::next(ChaosPoint point) noexcept {
  const auto i = static_cast<std::size_t>(point);
  return decide(seed_, point, passed_[i].fetch_add(1, std::memory_order_relaxed));
}

bool Chaos::hold(const ChaosDecision& decision) noexcept {
  if (!decision.held) return false;
  if (decision.us == 0) {
    ::sched_yield();
  } else {
    const timespec time{0, static_cast<long>(decision.us) * 1000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);  // leaves errno alone
  }
  return true;
}

}  // namespace umcg::inline v0::internal
