// SPDX-License-Identifier: Apache-2.0
// lock_sleepers.h - LockSleepers: how many threads sleep on a lock, or wait for a word, that is
// released by a plain store.
//
// A lock that can be slept on is released by a locked instruction, as a rule, which gives it free
// and finds the sleeper's mark at once: half of what a short section costs. Here the mark stands
// beside all locks, and the two steps are two:
//
//   Release  word = free (plain); compiler barrier; does anybody sleep? -> fence; wake this lock's
//   Sleep    count + 1; a barrier on all threads (membarrier(2)); futex_wait() if it is still held
//
// The race that matters: the releaser's store may still be in the CPU's store buffer when its load
// finds nobody. The barrier decides. If that load came before it, so did the store, and the sleeper
// finds the lock free; if it comes after it, it finds the sleeper. From then on it is the kernel's
// affair, who compares the word under its own lock, which a wake-up takes too.
//
// There are a few counts, by the address of the lock, since a thread that sleeps makes those who
// share its count call the kernel in vain. A sleep is rare: the holder has lost its CPU, and
// somebody has tried for some microseconds. The releaser touches nothing of the lock after its
// store: it may be gone.
//
// Each count is one too high until rely_on_barrier(), and for good where the kernel has no such
// barrier: then each releaser comes to the fence, and a sleeper makes one too. One that began to
// sleep before rely_on_barrier() has counted before the counts were lowered, or sees that they are.
//
// Model: tests/models/lock_sleepers.pml. Rejected: the mark in the word (a locked instruction to
// release; but sync/mutex.cc has it, where sleepers are fibers and many).
#ifndef UMCG_RUNTIME_BASE_LOCK_SLEEPERS_H_
#define UMCG_RUNTIME_BASE_LOCK_SLEEPERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

class LockSleepers {
 public:
  // Once shim::prepare_process_barrier() has succeeded.
  static void rely_on_barrier() noexcept;

  // Who has released the lock at `word` by a store. `word` is only an address.
  static void wake_those_of(const void* word) noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (count_of(word).load(std::memory_order_relaxed) != 0) [[unlikely]] {
      wake_slow(word);
    }
  }

  // Sleeps on *word while it is `held`. A return proves nothing: the caller looks at the word.
  static void sleep(const std::uint32_t* word, std::uint32_t held) noexcept;
  static void sleep(const std::atomic<std::uint32_t>& word, std::uint32_t held) noexcept {
    sleep(reinterpret_cast<const std::uint32_t*>(&word), held);
  }

 private:
  static std::atomic<std::uint32_t>& count_of(const void* word) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(word);
    return counts_[(address >> 4 ^ address >> 12) % kCounts];
  }
  static void wake_slow(const void* word) noexcept;

  static constexpr std::size_t kCounts = 8;
  static std::atomic<std::uint32_t> counts_[kCounts];
  static std::atomic<bool> has_barrier_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_LOCK_SLEEPERS_H_
