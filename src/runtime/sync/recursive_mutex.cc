// SPDX-License-Identifier: Apache-2.0
#include "umcg/recursive_mutex.h"

#include <utility>

#include "runtime/base/report.h"
#include "runtime/sync/mutex_owner.h"

namespace umcg::inline v0 {

void RecursiveMutex::lock() {
  if (mutex_.is_held_by_caller()) {
    ++again_;
  } else {
    mutex_.lock();
  }
}

bool RecursiveMutex::try_lock() noexcept {
  if (!mutex_.is_held_by_caller()) return mutex_.try_lock();
  ++again_;
  return true;
}

WaitStatus RecursiveMutex::lock(std::stop_token stop, Deadline deadline) {
  if (!mutex_.is_held_by_caller()) return mutex_.lock(std::move(stop), deadline);
  ++again_;
  return WaitStatus::kReady;
}

void RecursiveMutex::unlock() {
  if (!mutex_.is_held_by_caller()) {
    internal::die("RecursiveMutex: unlock() by one who is not the owner");
  }
  if (again_ != 0) {
    --again_;
  } else {
    mutex_.unlock();
  }
}

}  // namespace umcg::inline v0
