// SPDX-License-Identifier: Apache-2.0
// barrier.h - Barrier: a group of fibers and threads meets again and again.
//
//     umcg::Barrier meet(4, []() noexcept { ++step; });
//     for (int i = 0; i < 4; ++i) {
//       umcg::post([&] { while (more()) { work(); meet.arrive_and_wait(); } });
//     }
//
// As std::barrier. A phase ends when as many have arrived as are expected; the last one to arrive
// runs the completion function, on its own fiber or thread, before anybody is let through. The
// function may suspend. Four words and the function, constinit-able if that is, never allocates.
// All waiters of a phase are woken at once. May be destroyed when no one waits or is to arrive any
// more, though the last arrive() may still be running. Memory order: all arrivals of a phase happen
// before its completion function, and that before the return of each wait().
#ifndef UMCG_BARRIER_H_
#define UMCG_BARRIER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/wait_queue.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

namespace internal {

struct NoCompletion {
  void operator()() const noexcept {}
};

// A barrier without the completion function, which is called between arrive() and next_phase().
class UMCG_API BarrierCore {
 public:
  constexpr explicit BarrierCore(std::ptrdiff_t expected) noexcept
      : state_(static_cast<std::uint32_t>(expected)),
        expected_(static_cast<std::uint32_t>(expected)) {}

  struct Arrival {
    std::uint32_t phase;
    bool is_last;
  };
  Arrival arrive(std::ptrdiff_t n);
  void expect_one_less() noexcept;
  void next_phase() noexcept;
  WaitStatus wait(std::uint32_t phase, const std::stop_token* stop, Deadline deadline);

 private:
  std::atomic<std::uint64_t> state_;  // phase:32, still to arrive:32
  std::atomic<std::uint32_t> expected_;
  WaitQueue queue_;
};

}  // namespace internal

template <class CompletionFunction = internal::NoCompletion>
class Barrier {
  static_assert(std::is_nothrow_invocable_v<CompletionFunction&>,
                "umcg: a barrier's completion function must be noexcept");

 public:
  // What arrive() gives and wait() takes: names the phase.
  class arrival_token {  // NOLINT(readability-identifier-naming)
   public:
    arrival_token(arrival_token&&) noexcept = default;
    arrival_token& operator=(arrival_token&&) noexcept = default;

   private:
    friend class Barrier;
    explicit arrival_token(std::uint32_t phase) noexcept : phase_(phase) {}
    std::uint32_t phase_;
  };

  constexpr explicit Barrier(std::ptrdiff_t expected,
                             CompletionFunction completion = CompletionFunction())
      : core_(expected), completion_(std::move(completion)) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier() = default;

  static constexpr std::ptrdiff_t max() noexcept { return INT32_MAX; }

  // Any fiber or thread. Suspends only if the completion function does. 1 <= n; more arrivals than
  // the phase still expects abort.
  [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
    const internal::BarrierCore::Arrival arrival = core_.arrive(n);
    if (arrival.is_last) {
      completion_();
      core_.next_phase();
    }
    return arrival_token(arrival.phase);
  }

  // Any fiber or thread. May suspend, may migrate. Waits for the end of the token's phase.
  void wait(arrival_token&& token) { (void)core_.wait(token.phase_, nullptr, Deadline()); }
  void arrive_and_wait() { wait(arrive()); }
  // The arrival counts whatever the status; the token can be used for another wait.
  WaitStatus wait(arrival_token& token, std::stop_token stop, Deadline deadline = {}) {
    return core_.wait(token.phase_, &stop, deadline);
  }

  // Arrives, and is expected no more from the next phase on.
  void arrive_and_drop() {
    core_.expect_one_less();
    (void)arrive();
  }

 private:
  internal::BarrierCore core_;
  [[no_unique_address]] CompletionFunction completion_;
};

}  // namespace umcg::inline v0

#endif  // UMCG_BARRIER_H_
