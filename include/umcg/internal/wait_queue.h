// SPDX-License-Identifier: Apache-2.0
// wait_queue.h - the one word that every synchronisation object embeds. Its protocol and all that
// works on it live in src/runtime/sync/; a user has nothing to do with it.
#ifndef UMCG_INTERNAL_WAIT_QUEUE_H_
#define UMCG_INTERNAL_WAIT_QUEUE_H_

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal {

// The first of two flag bits that are the object's own.
inline constexpr std::uintptr_t kQueueFlag = 4;

struct WaitQueue {
  // Address of the first waiting node, and flag bits. 0: nobody waits.
  std::atomic<std::uintptr_t> word{0};

  constexpr WaitQueue() noexcept = default;
  constexpr explicit WaitQueue(std::uintptr_t flags) noexcept : word(flags) {}
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_WAIT_QUEUE_H_
