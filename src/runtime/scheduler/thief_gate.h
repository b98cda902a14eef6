// SPDX-License-Identifier: Apache-2.0
// thief_gate.h - ThiefGate: who may be at a server's two queues, so that its holder pays for
// thieves only while there are any.
//
// Holder and thieves agree on the last fiber by a locked instruction at each pop (ready_ring.h,
// spawn_deque.h): a quarter of a yield, and mostly there is no thief. So thieves come through a
// gate. While it is closed the holder is alone, and pops by plain stores. A thief opens it, which
// costs the thief a barrier on all threads; from then on both do as if it had never been closed,
// until the holder has seen nobody for a while and closes it.
//
//   Pop     busy = 1 (plain); compiler barrier; load state: closed?  -> take it; busy = 0 (release)
//                                                   open, opening?  -> busy = 0; pop with care
//           (Not looking first whether it is closed: one store more where it is open, two
//           instructions less where it is not. A holder preempted just there keeps thieves away.)
//   Visit   visits + 1; load state: open? -> else state = opening; membarrier(2); state = open
//           busy == 0? -> steal.  Else come back later.  visits - 1
//   Close   by the holder, between two pops: state = closed; somebody visits? -> state = open
//
// The race that matters: a pop's store of busy may still be in the CPU's store buffer when its load
// finds the gate closed, and a thief comes at that moment. The barrier decides. If the holder's
// load came before it, so did the store, and the thief sees `busy` until that pop is over; if it
// comes after it, it sees that the gate opens. A holder that is preempted in a pop keeps thieves
// out meanwhile: they look elsewhere, and later again.
//
// The second race: a thief finds the gate open, and the holder closes it. The thief counts itself
// before it looks at the state; the holder looks at the count after it has closed (all seq_cst). So
// one of them sees the other. The holder pops nothing before it has looked.
//
// The third: a second thief must not take "open" for granted while the first one is in its barrier.
// Hence `opening`, at which everybody makes a barrier of his own.
//
// Where the kernel has no such barrier the gate stays open. Model: tests/models/thief_gate.pml.
//
// Orders: end_alone()'s release pairs with the acquire of `busy` in a visit, so a thief sees what
// was popped. The end of a visit is a release, which pairs with review()'s look at the count: the
// holder sees what was stolen. Rejected: a barrier at each theft (10 us, where a server lives on
// what it steals); an exclusive part of each queue (what stands there waits as long as the fiber
// that runs computes); one server as a special case (two would pay as before).
#ifndef UMCG_RUNTIME_SCHEDULER_THIEF_GATE_H_
#define UMCG_RUNTIME_SCHEDULER_THIEF_GATE_H_

#include <atomic>
#include <cstdint>

#include "kernel_shim/cpu_relax.h"
#include "kernel_shim/process_barrier.h"

namespace umcg::inline v0::internal {

class ThiefGate {
 public:
  // So long without a visit, and it is closed: a barrier costs a hundredth of that.
  static constexpr std::int64_t kQuiet = 2'000'000;

  // Before anybody uses it, and only after shim::prepare_process_barrier() has succeeded.
  void allow_closing() noexcept {
    may_close_ = true;
    state_.store(kClosed, std::memory_order_relaxed);
  }

  // The holder, inside the runtime. True: no thief is at the queues until end_alone().
  bool begin_alone() noexcept {
    busy_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (state_.load(std::memory_order_relaxed) == kClosed) [[likely]] {
      return true;
    }
    end_alone();
    return false;
  }
  void end_alone() noexcept { busy_.store(false, std::memory_order_release); }

  // The holder, not within begin_alone(), now and then. `now` in ns.
  void review(std::int64_t now) noexcept {
    if (!may_close_ || state_.load(std::memory_order_relaxed) != kOpen) return;
    const std::uint64_t visits = visits_.load(std::memory_order_relaxed);
    if (visits != seen_) {
      seen_ = visits;
      quiet_since_ = now;
    } else if (now - quiet_since_ >= kQuiet) {
      close();
    }
  }
  void close() noexcept {
    state_.store(kClosed, std::memory_order_seq_cst);
    if (present(visits_.load(std::memory_order_seq_cst)) != 0) {
      state_.store(kOpen, std::memory_order_seq_cst);
    }
  }

  // A thief, while it is at the queues.
  class Visit {
   public:
    explicit Visit(ThiefGate& gate) noexcept : gate_(gate) {
      gate.visits_.fetch_add(kOneVisit + 1, std::memory_order_seq_cst);
      if (gate.state_.load(std::memory_order_seq_cst) != kOpen) gate.open();
      may_steal_ = gate.wait_until_not_busy();
    }
    ~Visit() { gate_.visits_.fetch_sub(1, std::memory_order_release); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    // False: the holder is in the middle of a pop, and perhaps off its CPU.
    bool may_steal() const noexcept { return may_steal_; }

   private:
    ThiefGate& gate_;
    bool may_steal_;
  };

 private:
  enum State : std::uint8_t { kClosed, kOpening, kOpen };
  // visits_: how many there have been, and how many there are.
  static constexpr std::uint64_t kOneVisit = std::uint64_t{1} << 32;
  static std::uint64_t present(std::uint64_t visits) noexcept { return visits % kOneVisit; }

  void open() noexcept {
    state_.store(kOpening, std::memory_order_seq_cst);
    shim::process_barrier();
    state_.store(kOpen, std::memory_order_seq_cst);
  }
  bool wait_until_not_busy() const noexcept {
    constexpr int kTries = 16;  // a pop is a few instructions
    for (int i = 0; i < kTries; ++i) {
      if (!busy_.load(std::memory_order_acquire)) return true;
      cpu_relax();
    }
    return false;
  }

  // The thieves'.
  alignas(64) std::atomic<State> state_{kOpen};
  std::atomic<std::uint64_t> visits_{0};
  // The holder's.
  alignas(64) std::atomic<bool> busy_{false};
  bool may_close_ = false;
  std::uint64_t seen_ = 0;        // the visits, at the last look,
  std::int64_t quiet_since_ = 0;  // and since when
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_THIEF_GATE_H_
