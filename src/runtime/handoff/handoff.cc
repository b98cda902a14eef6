// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/handoff.h"

#include <algorithm>

#include "kernel_shim/process_barrier.h"
#include "kernel_shim/run_state.h"
#include "runtime/base/clock.h"
#include "runtime/base/report.h"
#include "runtime/handoff/hogs.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/points.h"

namespace umcg::inline v0::internal {
namespace {

// Off the CPU for so long, and no /proc to tell why: longer than the kernel lets a thread wait.
constexpr std::int64_t kSurelyBlocked = 20'000'000;

void note_detected(RuntimeCore& rt, std::int64_t seen_at, HandoffCause cause) noexcept {
  Counters& counters = rt.shared_counters();
  count_anywhere(counters.handoffs_detected);
  if (cause == HandoffCause::kStandby) count_anywhere(counters.handoffs_by_standby);
  if (cause == HandoffCause::kReturn) count_anywhere(counters.handoffs_by_return);
  rt.handoff_latency().add(now_ns() - seen_at);
}

void give_away_for_chaos(Worker& w) noexcept {
  RuntimeCore& rt = *w.rt;
  count_anywhere(give_server_away(w, HandoffCause::kChaos) ? rt.shared_counters().handoffs_chaos
                                                           : rt.shared_counters().handoffs_refused);
}

// Once in a while, from a seed: as if the worker had blocked just after it left the runtime.
void chaos_at_leave(Worker& w) noexcept {
  RuntimeCore& rt = *w.rt;
  if (Chaos* const chaos = rt.chaos()) {
    constexpr std::uint32_t kUntilOthersRun = 50;  // us
    ChaosDecision d = chaos->next(ChaosPoint::kLeave);
    if (d.turn) {
      give_away_for_chaos(w);
      d.held = true;
      d.us = std::max(d.us, kUntilOthersRun);
    }
    if (Chaos::hold(d)) count_anywhere(rt.shared_counters().chaos_delays);
    return;
  }
  constexpr std::uint32_t kOneIn = 16;
  w.chaos_state ^= w.chaos_state << 13;
  w.chaos_state ^= w.chaos_state >> 17;
  w.chaos_state ^= w.chaos_state << 5;
  if (w.chaos_state % kOneIn != 0) return;
  give_away_for_chaos(w);
}

}  // namespace

void lose_server(Worker& w) noexcept {
  end_hog(w);
  w.was_displaced = w.rt->displaced().end(w);
  if (w.server != nullptr) w.last_server = w.server->index;
  // Of the fiber that it was meant for: it runs without a server already, or elsewhere.
  w.at_leave &= static_cast<std::uint8_t>(~kDetachAtLeave);
  w.server = nullptr;
  w.word = &RuntimeCore::no_server_word();
  w.in_rt.store(0, std::memory_order_relaxed);
}

bool enter_slow(Worker& w) noexcept {
  if (w.server != nullptr) {
    std::uint64_t word = w.word->load(std::memory_order_acquire);
    while (word != 0 && worker_of(word) == w.index) {
      // A proposal, which must fail now that we run, or our own offer, which we take back.
      if (word == w.held || w.word->compare_exchange_weak(word, w.held, std::memory_order_acq_rel,
                                                          std::memory_order_acquire)) {
        return true;
      }
    }
  }
  // Before anything is counted in memory that the parent sees too (live_page.h).
  if (w.rt->is_forked_child())
    die("a runtime was used in a forked child; it may only exec or _exit");
  const bool ran_on = w.server != nullptr || w.gave_away;
  lose_server(w);
  w.gave_away = false;
  if (ran_on && w.rt->tracer().on()) at_return(w);
  hold_up(*w.rt, ChaosPoint::kReturn);
  return false;
}

bool give_server_away(Worker& w, HandoffCause cause) noexcept {
  Server& s = *w.server;
  Worker* const next = w.rt->workers().take_for(s);
  if (next == nullptr) return false;
  if (cause == HandoffCause::kHog) set_time_slice(*next, TimeSlice::kShort);
  // First the word, then in_rt: a worker that is outside and still named in the word may be claimed
  // from, and then this store would take the server away from the claimer.
  note_handoff(s, cause, now_ns(), &w);
  WorkerPool::assign(*next, s);
  lose_server(w);
  w.gave_away = true;
  return true;
}

bool hand_over_now(Worker& w, HandoffCause cause) noexcept {
  if (!enter(w)) return true;
  if (give_server_away(w, cause)) return true;
  // The last idle worker is gone: make one. Not inside the runtime, since making a thread blocks.
  w.in_rt.store(0, std::memory_order_release);
  if (Worker* made = w.rt->workers().create()) w.rt->workers().put_back(*made);
  if (!enter(w)) return true;
  if (give_server_away(w, cause)) return true;
  w.in_rt.store(0, std::memory_order_release);
  count_anywhere(w.rt->shared_counters().handoffs_refused);
  offer_server(w);  // to the first that comes: the monitor makes one if there is no other way
  return false;
}

void offer_server(Worker& w) noexcept {
  std::uint64_t held = w.held;
  // Release publishes what belongs to the server; it pairs with the acquire in try_claim(). A
  // failure means that the server is gone, or a claim is being decided: nothing is left to offer.
  (void)w.word->compare_exchange_strong(held, held | kOffered, std::memory_order_release,
                                        std::memory_order_relaxed);
}

void hand_over_for_pin(Worker& w) noexcept {
  if (w.server == nullptr) return;
  if (hand_over_now(w, HandoffCause::kPin)) count_anywhere(w.rt->shared_counters().handoffs_pin);
}

void leave_slow(Worker& w) noexcept {
  if ((w.at_leave & kDetachAtLeave) != 0) {
    w.at_leave &= static_cast<std::uint8_t>(~kDetachAtLeave);
    if (w.server != nullptr) detach_self(w);  // else it was lost while a stack was fetched
  }
  if ((w.at_leave & kChaosAtLeave) != 0 && w.server != nullptr) chaos_at_leave(w);
}

bool may_be_blocked(const Worker& holder) noexcept {
  return holder.in_rt.load(std::memory_order_relaxed) == 0 &&
         holder.watchable.load(std::memory_order_acquire);
}

// A worker that was preempted stands still like one that blocks, and on a crowded CPU often. To
// take its server away would crowd the CPU more, without end.
bool is_blocked(const Worker& w, std::int64_t stood_still) noexcept {
  switch (shim::run_state_of(w.subject.tid)) {
    case shim::RunState::kSleeping:
      return true;
    case shim::RunState::kUnknown:
      return stood_still >= kSurelyBlocked;
    case shim::RunState::kRunnable:
    case shim::RunState::kStopped:
      return false;
  }
  return false;
}

bool try_claim(Worker& claimer, Server& server, HandoffCause cause) noexcept {
  RuntimeCore& rt = *server.rt;
  std::uint64_t word = server.word->load(std::memory_order_acquire);
  const std::uint64_t mine = word_of(claimer);
  Worker* owner = word != 0 ? &rt.workers().at(worker_of(word)) : nullptr;
  if ((word & kOffered) != 0) {
    // Acquire pairs with the release by which begin_blocking() made the offer.
    if (!server.word->compare_exchange_strong(word, mine, std::memory_order_acq_rel)) return false;
    note_handoff(server, HandoffCause::kHint, claimer.seen_at.get(), owner);
    count_anywhere(rt.shared_counters().handoffs_hint);
    return true;
  }
  if (word == 0 || (word & kWordFlags) != 0) return false;
  const std::int64_t before = clock_ns(owner->cpu_clock);
  const std::uint64_t proposed = proposal(word, claimer);
  if (!server.word->compare_exchange_strong(word, proposed, std::memory_order_acq_rel))
    return false;
  hold_up(rt, ChaosPoint::kClaim);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the owner's context switch
  // Before the second look at the clock: both are to speak of a time when the owner was off the
  // CPU.
  const bool outside = owner->in_rt.load(std::memory_order_seq_cst) == 0;
  const bool stood_still = before >= 0 && clock_ns(owner->cpu_clock) == before;
  std::uint64_t expected = proposed;
  if (stood_still && outside) {
    if (server.word->compare_exchange_strong(expected, mine, std::memory_order_acq_rel)) {
      note_detected(rt, claimer.seen_at.get(), cause);
      note_handoff(server, cause, claimer.seen_at.get(), owner);
      return true;
    }
  } else {
    // Lost only to the owner, which has settled it the same way.
    (void)server.word->compare_exchange_strong(expected, word, std::memory_order_acq_rel);
  }
  count_anywhere(rt.shared_counters().claims_failed);
  return false;
}

bool take_from_running(Worker& next, Server& server, std::uint64_t word) noexcept {
  if (word == 0 || (word & kWordFlags) != 0) return false;
  Worker& owner = server.rt->workers().at(worker_of(word));
  if (!begin_hog(owner, server)) return false;
  std::uint64_t proposed = proposal(word, next);
  if (server.word->compare_exchange_strong(word, proposed, std::memory_order_seq_cst)) {
    shim::process_barrier();
    const bool outside = owner.in_rt.load(std::memory_order_seq_cst) == 0;
    // Still proposed: nobody may claim it from `next`, who sleeps, before assign().
    const std::uint64_t verdict = outside ? proposal(word_of(next), next) : word;
    if (server.word->compare_exchange_strong(proposed, verdict, std::memory_order_acq_rel) &&
        outside) {
      note_handoff(server, HandoffCause::kHog, now_ns(), &owner);
      count_anywhere(server.rt->shared_counters().handoffs_hog);
      return true;
    }
  }
  count_anywhere(server.rt->shared_counters().claims_failed);
  end_hog(owner);
  return false;
}

}  // namespace umcg::inline v0::internal
