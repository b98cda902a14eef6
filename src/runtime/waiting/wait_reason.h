// SPDX-License-Identifier: Apache-2.0
// wait_reason.h - WaitReason and WaitRecord: what a fiber or thread waits for, in one word.
//
// For people: reports of stragglers and deadlocks. No protocol depends on it. One writer, the side
// that waits, by two relaxed stores per wait; anybody may read. The sequence tells one wait from
// the next on the same object, so that a reader who finds the same word twice knows that it was one
// wait (wait_graph.cc).
#ifndef UMCG_RUNTIME_WAITING_WAIT_REASON_H_
#define UMCG_RUNTIME_WAITING_WAIT_REASON_H_

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal {

enum class WaitReason : std::uint8_t {
  kNone,
  kOther,
  kMutex,
  kSharedMutex,
  kConditionVariable,
  kSemaphore,
  kEvent,
  kWaitGroup,
  kLatch,
  kBarrier,
  kOnce,
  kJoin,
  kSleep,
  kChannel,
  kSelect,
  kFuture,
  kScope,
  kIo,
  kCount,  // of the reasons
};

// reason, object, whether a deadline ends the wait, and the sequence:
//   sequence:12  bounded:1  reason:6  address / 8:45
class WaitRecord {
 public:
  constexpr WaitRecord() noexcept = default;
  constexpr explicit WaitRecord(std::uint64_t word) noexcept : word_(word) {}

  // The record of the wait that follows `before`; and that of its end.
  static WaitRecord after(std::uint64_t before, WaitReason reason, const void* object,
                          bool bounded) noexcept {
    const std::uint64_t address = reinterpret_cast<std::uintptr_t>(object);
    return WaitRecord(((before & kSequence) + kOneWait) | (bounded ? kBounded : 0) |
                      static_cast<std::uint64_t>(reason) << kReasonShift |
                      (address >> 3 & kAddress));
  }
  static constexpr WaitRecord end_of(std::uint64_t wait) noexcept {
    return WaitRecord(wait & kSequence);
  }

  constexpr std::uint64_t word() const noexcept { return word_; }
  constexpr WaitReason reason() const noexcept {
    const auto reason = static_cast<WaitReason>(word_ >> kReasonShift & kReasons);
    return reason < WaitReason::kCount ? reason : WaitReason::kOther;
  }
  constexpr bool is_bounded() const noexcept { return (word_ & kBounded) != 0; }
  const void* object() const noexcept {
    return reinterpret_cast<const void*>(static_cast<std::uintptr_t>((word_ & kAddress) << 3));
  }
  friend constexpr bool operator==(WaitRecord, WaitRecord) noexcept = default;

  static constexpr int kReasonShift = 45;
  static constexpr std::uint64_t kReasons = 63;

 private:
  static constexpr std::uint64_t kAddress = (std::uint64_t{1} << kReasonShift) - 1;
  static constexpr std::uint64_t kBounded = std::uint64_t{1} << 51;
  static constexpr std::uint64_t kOneWait = std::uint64_t{1} << 52;
  static constexpr std::uint64_t kSequence = ~(kOneWait - 1);

  std::uint64_t word_ = 0;
};

// "the mutex", by WaitReason.
extern const char* const kWaitReasonNames[];

// "waits for the mutex 0x7f..."
struct WaitText {
  char text[64];
};
WaitText describe(WaitRecord wait) noexcept;

// Shows over a scope what the fiber that owns `record` waits for.
class ShowWait {
 public:
  ShowWait(std::atomic<std::uint64_t>& record, WaitReason reason, const void* object,
           bool bounded) noexcept
      : record_(record) {
    const std::uint64_t before = record_.load(std::memory_order_relaxed);
    record_.store(WaitRecord::after(before, reason, object, bounded).word(),
                  std::memory_order_relaxed);
  }
  ~ShowWait() {
    const std::uint64_t wait = record_.load(std::memory_order_relaxed);
    record_.store(WaitRecord::end_of(wait).word(), std::memory_order_relaxed);
  }
  ShowWait(const ShowWait&) = delete;
  ShowWait& operator=(const ShowWait&) = delete;

 private:
  std::atomic<std::uint64_t>& record_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_WAIT_REASON_H_
