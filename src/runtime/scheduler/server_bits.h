// SPDX-License-Identifier: Apache-2.0
// server_bits.h - ServerBits: a set of servers, one bit each. All orders are seq_cst: the sets take
// part in protocols of the shape "announce, then look once more" (idle_set.h, standby.h).
#ifndef UMCG_RUNTIME_SCHEDULER_SERVER_BITS_H_
#define UMCG_RUNTIME_SCHEDULER_SERVER_BITS_H_

#include <atomic>
#include <bit>
#include <cstdint>

namespace umcg::inline v0::internal {

class ServerBits {
 public:
  static constexpr std::uint32_t kMaxServers = 256;

  explicit ServerBits(std::uint32_t servers) noexcept : used_((servers + 63) / 64) {}

  bool any() const noexcept {
    for (std::uint32_t i = 0; i < used_; ++i) {
      if (words_[i].load(std::memory_order_seq_cst) != 0) return true;
    }
    return false;
  }
  std::uint32_t count() const noexcept {
    int n = 0;
    for (std::uint32_t i = 0; i < used_; ++i) n += std::popcount(words_[i].load());
    return static_cast<std::uint32_t>(n);
  }
  bool test(std::uint32_t server) const noexcept {
    return (words_[server / 64].load(std::memory_order_seq_cst) & bit(server)) != 0;
  }
  // True if the caller set the bit.
  bool set(std::uint32_t server) noexcept {
    return (words_[server / 64].fetch_or(bit(server), std::memory_order_seq_cst) & bit(server)) ==
           0;
  }
  // True if the caller cleared the bit.
  bool clear(std::uint32_t server) noexcept {
    return (words_[server / 64].fetch_and(~bit(server), std::memory_order_seq_cst) & bit(server)) !=
           0;
  }
  // Clears one bit and returns its server; -1 if none was set.
  int take_one() noexcept {
    for (std::uint32_t i = 0; i < used_; ++i) {
      std::uint64_t seen = words_[i].load(std::memory_order_seq_cst);
      while (seen != 0) {
        const auto n = static_cast<std::uint32_t>(std::countr_zero(seen)) + i * 64;
        if (clear(n)) return static_cast<int>(n);
        seen = words_[i].load(std::memory_order_seq_cst);
      }
    }
    return -1;
  }

 private:
  static std::uint64_t bit(std::uint32_t server) noexcept {
    return std::uint64_t{1} << (server % 64);
  }

  const std::uint32_t used_;
  std::atomic<std::uint64_t> words_[kMaxServers / 64] = {};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_SERVER_BITS_H_
