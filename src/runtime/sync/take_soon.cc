// SPDX-License-Identifier: Apache-2.0
// take_soon.cc - the holder may have unlocked, ended, and taken its runtime along, so its
// descriptor is not touched. Who looks is on a runtime that lives, and asks whom its servers run.
#include "runtime/sync/take_soon.h"

#include <algorithm>

#include "runtime/context/thread_state.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::size_t kFewServers = 8;  // each costs a cache miss or two

}  // namespace

bool may_be_at_work(std::uintptr_t holder) noexcept {
  const Worker* const w = current_worker();
  if (w == nullptr) return true;
  RuntimeCore& rt = *w->rt;
  const auto servers = rt.servers();
  if (servers.size() == 1) return false;
  if (holder == 0 || (holder & kThreadToken) != 0 || servers.size() > kFewServers) return true;
  return std::any_of(servers.begin(), servers.end(), [&](const Server& s) {
    const std::uint64_t word = s.word->load(std::memory_order_acquire);
    return word != 0 && reinterpret_cast<std::uintptr_t>(
                            rt.workers().at(worker_of(word)).current.look()) == holder;
  });
}

}  // namespace umcg::inline v0::internal
