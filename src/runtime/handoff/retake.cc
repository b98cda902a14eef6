// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/retake.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {
namespace {

// Each costs some microseconds.
constexpr std::size_t kMostLooks = 2;

// The server's holder, if it may be claimed from as far as can be seen.
Worker* claimable_holder(const Server& s) noexcept {
  const std::uint64_t word = s.word->load(std::memory_order_acquire);
  if (word == 0 || (word & kProposed) != 0 || s.rt->idle().is_idle(s.index)) return nullptr;
  Worker& holder = s.rt->workers().at(worker_of(word));
  return may_be_blocked(holder) ? &holder : nullptr;
}

bool take_from(Worker& w, Server& s, Worker& holder, long blocks) noexcept {
  Displaced& displaced = w.rt->displaced();
  const bool displaces = blocks != w.blocks && !s.runs_long() && displaced.has_room();
  if (displaces ? !displaced.begin(holder) : !is_blocked(holder, 0)) return false;
  w.seen_at.set(now_ns());
  if (!try_claim(w, s, HandoffCause::kReturn)) {
    if (displaces) (void)displaced.end(holder);
    return false;
  }
  if (!begin_to_hold(w, s, blocks)) return false;
  // Another turn, though no fiber was picked.
  s.long_turn.store(s.tick.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return true;
}

}  // namespace

bool Displaced::begin(Worker& w) noexcept {
  if (w.displaced.exchange(true, std::memory_order_acq_rel)) return false;
  count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool Displaced::end(Worker& w) noexcept {
  if (!w.displaced.load(std::memory_order_relaxed) ||
      !w.displaced.exchange(false, std::memory_order_acq_rel)) {
    return false;
  }
  count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Displaced::learn(bool had_blocked) noexcept {
  const std::uint32_t now = bound();
  const std::uint32_t next = had_blocked ? std::min(now + 1, kMost * servers_)
                                         : std::max(now - now / 8, kLeast * servers_);
  bound_.store(next, std::memory_order_relaxed);
}

namespace {

bool retake_some_server(Worker& w) noexcept {
  RuntimeCore& rt = *w.rt;
  if (w.tired || rt.options().handoff == Handoff::kOff) return false;
  const long blocks = blocks_so_far();
  if (std::exchange(w.was_displaced, false)) rt.displaced().learn(blocks != w.blocks);
  const auto servers = rt.servers();
  const std::size_t looks = std::min(servers.size(), kMostLooks);
  for (std::size_t i = 0; i < looks; ++i) {
    Server& s = servers[(w.last_server + i) % servers.size()];
    Worker* const holder = claimable_holder(s);
    if (holder != nullptr && take_from(w, s, *holder, blocks)) return true;
  }
  return false;
}

}  // namespace

bool retake(Worker& w) noexcept {
  const int kept = *w.error_number;  // the fiber's, who has made no call
  const bool taken = retake_some_server(w);
  *w.error_number = kept;
  return taken;
}

long blocks_so_far() noexcept {
  rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

}  // namespace umcg::inline v0::internal
