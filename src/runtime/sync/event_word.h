// SPDX-License-Identifier: Apache-2.0
// event_word.h - a queue used as an event: a flag that is set once and lets all waiters through.
// Event is made of it, and so is the end of a fiber.
//
// With nobody waiting, setting is one CAS from an otherwise empty word, and the last touch.
// Otherwise it takes the lock, claims everybody, and leaves the flag behind in the store that
// unlocks.
#ifndef UMCG_RUNTIME_SYNC_EVENT_WORD_H_
#define UMCG_RUNTIME_SYNC_EVENT_WORD_H_

#include "runtime/waiting/wait_queue.h"
#include "umcg/internal/select_case.h"

namespace umcg::inline v0::internal {

inline bool event_is_set(const WaitQueue& queue, std::uintptr_t flag) noexcept {
  // Pairs with the release in set_event().
  return (queue.word.load(std::memory_order_acquire) & flag) != 0;
}

void set_event_slow(WaitQueue& queue, std::uintptr_t flag, Wakeups& wakeups) noexcept;

// Sets the flag and wakes all who wait. Never suspends.
inline void set_event(WaitQueue& queue, std::uintptr_t flag) noexcept {
  std::uintptr_t idle = 0;
  if (queue.word.compare_exchange_strong(idle, flag, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    return;
  }
  Wakeups wakeups;
  set_event_slow(queue, flag, wakeups);
}

// Waits for the flag. May suspend, may migrate. What it is the flag of is for reports.
WaitStatus wait_event(WaitQueue& queue, std::uintptr_t flag, const std::stop_token* stop,
                      Deadline deadline, WaitReason reason, const void* object);

// For select(): chosen when the flag is set.
SelectCase event_case(WaitQueue& queue, std::uintptr_t flag) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SYNC_EVENT_WORD_H_
