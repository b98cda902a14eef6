// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/wait_reason.h"

#include <cstdio>

namespace umcg::inline v0::internal {
namespace {

const char* name_of(WaitReason reason) noexcept {
  switch (reason) {
    case WaitReason::kNone:
      return "nothing";
    case WaitReason::kOther:
    case WaitReason::kCount:
      break;
    case WaitReason::kMutex:
      return "the mutex";
    case WaitReason::kSharedMutex:
      return "the shared mutex";
    case WaitReason::kConditionVariable:
      return "the condition variable";
    case WaitReason::kSemaphore:
      return "the semaphore";
    case WaitReason::kEvent:
      return "the event";
    case WaitReason::kWaitGroup:
      return "the wait group";
    case WaitReason::kLatch:
      return "the latch";
    case WaitReason::kBarrier:
      return "the barrier";
    case WaitReason::kOnce:
      return "the once flag";
    case WaitReason::kJoin:
      return "the end of the fiber";
    case WaitReason::kSleep:
      return "a point in time";
    case WaitReason::kChannel:
      return "the channel";
    case WaitReason::kSelect:
      return "one of several objects";
    case WaitReason::kFuture:
      return "the future";
    case WaitReason::kScope:
      return "the scope";
    case WaitReason::kIo:
      return "input or output";
  }
  return "something";
}

}  // namespace

WaitText describe(WaitRecord wait) noexcept {
  WaitText to;
  const char* const name = name_of(wait.reason());
  if (wait.object() != nullptr) {
    std::snprintf(to.text, sizeof to.text, "waits for %s %p", name, wait.object());
  } else {
    std::snprintf(to.text, sizeof to.text, "waits for %s", name);
  }
  return to;
}

}  // namespace umcg::inline v0::internal
