// SPDX-License-Identifier: Apache-2.0
// hints.cc - blocking() and blocking_now(). The offer is a flag in the server's word: the owner
// sets it and takes it back by CAS, and an idle worker that takes the server meanwhile does so by a
// CAS on the same word. No look at clocks is needed, since the owner has promised not to touch the
// server.
#include "umcg/blocking.h"

#include "runtime/context/thread_state.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {

void begin_blocking(bool now) noexcept {
  Worker* const w = current_worker();
  if (w == nullptr || w->server == nullptr) return;
  if (now) {
    if (hand_over_now(*w, HandoffCause::kHint))
      count_anywhere(w->rt->shared_counters().handoffs_hint);
    return;
  }
  offer_server(*w);
}

void end_blocking() {
  Worker* const w = current_worker();
  if (w == nullptr || w->current.get() == nullptr) return;
  if (w->server != nullptr) {
    std::uint64_t offered = w->held | kOffered;
    if (w->word->compare_exchange_strong(offered, w->held, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      return;
    }
  }
  // Inside a stop callback it stays here, without a server, as it would in a raw blocking call.
  if (w->current.get()->may_migrate()) regain_server();
}

void ask_to_run_when_woken() noexcept {
  Worker* const w = current_worker();
  if (w != nullptr && w->time_slice.get() == TimeSlice::kUsual) {
    set_time_slice(*w, TimeSlice::kBrisk);
  }
}

}  // namespace umcg::inline v0::internal
