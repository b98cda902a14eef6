// SPDX-License-Identifier: Apache-2.0
// cpu_share.h - CpuShare: whether a thread has had a CPU since the last look at it.
//
// A thread that has had one nearly all the time is at work: it may have blocked since, but not for
// long. So nobody need look twice, nor ask /proc (8 us) what it does.
#ifndef UMCG_RUNTIME_BASE_CPU_SHARE_H_
#define UMCG_RUNTIME_BASE_CPU_SHARE_H_

#include <cstdint>
#include <utility>

namespace umcg::inline v0::internal {

enum class CpuShare : std::uint8_t { kNone, kSome, kNearlyAll };

constexpr bool is_nearly_all(std::int64_t ran, std::int64_t elapsed) noexcept {
  return ran >= elapsed - elapsed / 8;
}

class CpuClockLook {
 public:
  // With the thread's CPU clock, in ns. The first look tells nothing of use.
  CpuShare look(std::int64_t clock, std::int64_t now) noexcept {
    elapsed_ = now - std::exchange(at_, now);
    ran_ = clock - std::exchange(clock_, clock);
    if (ran_ == 0) return CpuShare::kNone;
    return is_nearly_all(ran_, elapsed_) ? CpuShare::kNearlyAll : CpuShare::kSome;
  }
  // Between the last two looks, in ns.
  std::int64_t ran() const noexcept { return ran_; }
  std::int64_t elapsed() const noexcept { return elapsed_; }

 private:
  std::int64_t at_ = 0;
  std::int64_t clock_ = -1;
  std::int64_t ran_ = 0;
  std::int64_t elapsed_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_CPU_SHARE_H_
