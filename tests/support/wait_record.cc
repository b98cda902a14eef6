// SPDX-License-Identifier: Apache-2.0
#include "support/wait_record.h"

#include "runtime/context/thread_state.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/thread_record.h"

namespace umcg_test {

const std::atomic<std::uint64_t>& own_wait_record() {
  const auto* const fiber = umcg::internal::current_fiber();
  return fiber != nullptr ? fiber->waits_for : umcg::internal::thread_record()->waits_for;
}

}  // namespace umcg_test
