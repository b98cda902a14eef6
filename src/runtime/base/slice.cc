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
constexpr std::uint64_t kSliceNs = 100'000;

void set_slice(pid_t thread, std::uint64_t ns) noexcept {
  SchedAttributes attributes{};
  if (::syscall(SYS_sched_getattr, thread, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // the user has chosen another one
  attributes.size = sizeof attributes;
  attributes.flags |= kResetOnFork;
  attributes.runtime = ns;
  (void)::syscall(SYS_sched_setattr, thread, &attributes, 0);
}

}  // namespace

void prefer_short_slices(pid_t thread) noexcept { set_slice(thread, kSliceNs); }

void allow_long_slices(pid_t thread) noexcept { set_slice(thread, 0); }

}  // namespace umcg::inline v0::internal
