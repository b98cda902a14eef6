// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/exit_state.h"

#include <atomic>
#include <cstdlib>

namespace umcg::inline v0::internal {
namespace {

constinit std::atomic<bool> g_exiting{false};

}  // namespace

void watch_for_exit() noexcept {
  std::atexit([] { g_exiting.store(true, std::memory_order_relaxed); });
}

bool is_exiting() noexcept { return g_exiting.load(std::memory_order_relaxed); }

}  // namespace umcg::inline v0::internal
