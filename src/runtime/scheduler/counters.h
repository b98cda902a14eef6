// SPDX-License-Identifier: Apache-2.0
// counters.h - Counters: one set per server, written by its owner without read-modify-writes, and
// one shared set for whoever holds no server.
#ifndef UMCG_RUNTIME_SCHEDULER_COUNTERS_H_
#define UMCG_RUNTIME_SCHEDULER_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "umcg/stats.h"

namespace umcg::inline v0::internal {

struct Counters {
#define UMCG_COUNTER(name, description) std::atomic<std::uint64_t> name{0};
  UMCG_COUNTERS(UMCG_COUNTER)
#undef UMCG_COUNTER
};

// For the single writer of a server's counter. The release pairs with live_fibers()'s acquire,
// which must not see an end without the start that came before it.
inline void count_here(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_release);
}
// For counters that anybody may write.
inline void count_anywhere(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
  counter.fetch_add(n, std::memory_order_seq_cst);
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_COUNTERS_H_
