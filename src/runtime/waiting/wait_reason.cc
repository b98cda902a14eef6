// SPDX-License-Identifier: Apache-2.0
#include "runtime/waiting/wait_reason.h"

#include <cstddef>
#include <cstdio>
#include <iterator>

namespace umcg::inline v0::internal {

constexpr const char* kWaitReasonNames[] = {
    "nothing",
    "something",
    "the mutex",
    "the shared mutex",
    "the condition variable",
    "the semaphore",
    "the event",
    "the wait group",
    "the latch",
    "the barrier",
    "the once flag",
    "the end of the fiber",
    "a point in time",
    "the channel",
    "one of several objects",
    "the future",
    "the scope",
    "input or output",
};
static_assert(std::size(kWaitReasonNames) == static_cast<std::size_t>(WaitReason::kCount));

WaitText describe(WaitRecord wait) noexcept {
  WaitText to;
  const char* const name = kWaitReasonNames[static_cast<std::size_t>(wait.reason())];
  if (wait.object() != nullptr) {
    std::snprintf(to.text, sizeof to.text, "waits for %s %p", name, wait.object());
  } else {
    std::snprintf(to.text, sizeof to.text, "waits for %s", name);
  }
  return to;
}

}  // namespace umcg::inline v0::internal
