// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace umcg::inline v0::internal {
namespace {

// The kernel's struct, which the C library of 2022 does not declare.
struct SchedAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
};

constexpr std::uint64_t kResetOnFork = 1;

std::uint64_t ns_of(TimeSlice slice) noexcept {
  switch (slice) {
    case TimeSlice::kUsual:
      return 0;
    case TimeSlice::kShort:
      return 100'000;
    case TimeSlice::kBrisk:
      return 500'000;
    case TimeSlice::kLong:
      return 20'000'000;
  }
  return 0;
}

}  // namespace

void set_time_slice(pid_t thread, TimeSlice slice) noexcept {
  SchedAttributes attributes{};
  if (::syscall(SYS_sched_getattr, thread, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // the user has chosen another one
  attributes.size = sizeof attributes;
  attributes.flags |= kResetOnFork;
  attributes.runtime = ns_of(slice);
  (void)::syscall(SYS_sched_setattr, thread, &attributes, 0);
}

}  // namespace umcg::inline v0::internal
