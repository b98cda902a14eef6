// SPDX-License-Identifier: Apache-2.0
// runtime_core.h - RuntimeCore: what a Runtime is made of, and the start and end of it.
//
// Shutdown. ~Runtime asks all fibers to stop and waits until none is left. A fiber counts as live
// from spawn() until its function has returned and its end is about to be published. Live fibers
// are the difference of two sums of per-server counters; whoever may have made it zero looks
// (signal_if_idle): a server that goes to sleep, and an overtaken worker that ends a fiber. Then
// the workers are told to end, and joined.
//
// Guests. A plain thread that has made the very last fiber ready may still be inside the runtime.
// Mostly it is not: the shared queue's unlock is the last that it does, and whoever takes the fiber
// out does so after that. But if a sleeper has to be told, that comes after the unlock. So who is
// queueing looks, still under the lock, whether it must tell, and counts itself in `guests_` then;
// the end waits for those. Rejected: to count each (two locked operations more for each task that a
// thread starts); to wake under the lock (a system call).
#ifndef UMCG_RUNTIME_RUNTIME_CORE_H_
#define UMCG_RUNTIME_RUNTIME_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "kernel_shim/block_oracle.h"
#include "runtime/base/brief_lock.h"
#include "runtime/blocking/interrupts.h"
#include "runtime/cpu_count.h"
#include "runtime/fiber/fiber_slab.h"
#include "runtime/handoff/monitor.h"
#include "runtime/handoff/retake.h"
#include "runtime/handoff/standby.h"
#include "runtime/handoff/worker_pool.h"
#include "runtime/monitoring/live_page.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/counters.h"
#include "runtime/scheduler/idle_set.h"
#include "runtime/scheduler/inject_queue.h"
#include "runtime/scheduler/server.h"
#include "runtime/stack/stack_pool.h"
#include "runtime/time/keeper.h"
#include "runtime/trace/tracer.h"
#include "umcg/event.h"
#include "umcg/runtime.h"

namespace umcg::inline v0::internal {

class RuntimeCore {
 public:
  RuntimeCore(Runtime& handle, RuntimeOptions options);
  RuntimeCore(const RuntimeCore&) = delete;
  RuntimeCore& operator=(const RuntimeCore&) = delete;

  // Owned by its Runtime and by each standby: whoever lets go last deletes it.
  void retain() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  static RuntimeCore& of(Runtime& rt) noexcept;
  Runtime& handle() noexcept { return handle_; }

  // The parts.
  const RuntimeOptions& options() const noexcept { return options_; }
  std::span<Server> servers() noexcept { return page_.servers(); }
  std::span<const Server> servers() const noexcept { return page_.servers(); }
  InjectQueue& inject_queue() noexcept { return inject_; }
  // Whether shim::process_barrier() can be had.
  bool has_barrier() const noexcept { return has_barrier_; }
  IdleSet& idle() noexcept { return idle_; }
  Keeper& keeper() noexcept { return keeper_; }
  FiberSlab& fibers() noexcept { return fibers_; }
  StackPool& stacks() noexcept { return stacks_; }
  WorkerPool& workers() noexcept { return workers_; }
  Monitor& monitor() noexcept { return monitor_; }
  Interrupts& interrupts() noexcept { return interrupts_; }
  // The affinity mask of the thread that made the runtime.
  const CpuList& cpus() const noexcept { return cpus_; }
  shim::BlockOracle& oracle() noexcept { return *oracle_; }
  // Null where hand-off does without.
  Standby* standby_of(const Server& s) noexcept {
    return standbys_ != nullptr ? &standbys_[s.index] : nullptr;
  }
  Displaced& displaced() noexcept { return displaced_; }
  Recorder& handoff_latency() noexcept { return page_.shared().handoff_latency; }
  Tracer& tracer() noexcept { return tracer_; }
  Chaos* chaos() const noexcept { return chaos_.get(); }  // null: there is none
  Counters& shared_counters() noexcept { return page_.shared().counters; }
  LivePage& live_page() noexcept { return page_; }
  std::mutex& stop_lock() noexcept { return stop_lock_; }

  // The word that a worker without a server looks at: never anybody's.
  static std::atomic<std::uint64_t>& no_server_word() noexcept;

  // Queues a ready fiber for any server. By a worker of this runtime, which keeps the runtime
  // alive.
  void inject(FiberCore* f) noexcept;
  // The same by anybody: a fiber that begins, and one that goes on.
  void start_from_outside(FiberCore* f) noexcept;
  void wake_from_outside(FiberCore* f) noexcept;

  // Whether a fiber stands in any queue: the last look before a sleep, and what makes a block of
  // any worker matter.
  bool has_queued_work() const noexcept;
  // The same, without new fibers and those that had a long turn.
  bool has_urgent_work() const noexcept;
  // Whether a fiber waits for this server's worker, and for no other one.
  bool has_work_behind(const Server& s) const noexcept {
    return !s.looks_empty() || inject_.size() != 0;
  }
  std::int64_t earliest_deadline() const noexcept;

  // Ids come in blocks, so that a spawn needs no shared counter.
  static constexpr std::uint64_t kIdBlock = 1 << 16;
  static std::uint64_t ids_given() noexcept;  // by the process: the next block's first
  // By the holder of the server.
  std::uint64_t next_fiber_id(Server& s) noexcept {
    if (s.next_id == s.end_of_ids) [[unlikely]] {
      take_fiber_ids(s);
    }
    return s.next_id++;
  }
  void take_fiber_ids(Server& s) noexcept;

  std::uint64_t live_fibers() const noexcept;
  void signal_if_idle() noexcept;
  bool wait_idle(Deadline deadline);

  bool stop_requested() const noexcept { return stop_.load(std::memory_order_seq_cst); }
  bool request_stop();

  // The end; see above. False: this process is a forked child, or is in exit() on one of our own
  // fibers, and the threads that would have to end do not exist or cannot.
  bool shut_down();
  // After that: the fibers are left as they are. Tells a leak checker that what they refer to is in
  // use.
  void abandon() noexcept;

  bool is_forked_child() const noexcept;
  void check_not_forked() const noexcept;
  // Once the runtime has fibers: exit() on one of them must be told from a plain destruction there.
  void register_exit_handler() noexcept;

  bool has_reported_deadlock() const noexcept {
    return deadlock_reported_.load(std::memory_order_relaxed);
  }
  void note_reported_deadlock() noexcept {
    deadlock_reported_.store(true, std::memory_order_relaxed);
  }
  void note_no_stack() noexcept;
  // `f`: the fiber that threw, if it is still known.
  void note_dropped_exception(const FiberCore* f) noexcept;
  Stats stats() const;

 private:
  friend struct DebugLayout;
  ~RuntimeCore();
  void inject_from_outside(FiberCore* f, bool is_new) noexcept;
  // Whether anybody has to learn of what was queued; then, who.
  bool must_tell() const noexcept;
  void tell_of_work() noexcept;
  void start_servers();
  void start_standbys();
  // The first lets them end when they get to it; the second waits for that.
  void stop_standbys() noexcept;
  void end_standbys() noexcept;
  void name_stragglers() noexcept;

  Runtime& handle_;
  const RuntimeOptions options_;
  const std::size_t server_count_;
  const CpuList cpus_;

  // A page that a fork wipes: the servers' words, and a mark that tells whether it was wiped.
  struct WipedOnFork;
  struct Unmap {
    void operator()(WipedOnFork* wiped) const noexcept;
  };
  const std::unique_ptr<WipedOnFork, Unmap> wiped_;

  LivePage page_;  // the servers are in it
  InjectQueue inject_;
  static bool prepare_barrier() noexcept;
  const bool has_barrier_ = prepare_barrier();
  IdleSet idle_;
  Displaced displaced_;
  Keeper keeper_;
  FiberSlab fibers_;
  StackPool stacks_;
  Tracer tracer_;
  const std::unique_ptr<Chaos> chaos_;
  Interrupts interrupts_;
  const std::unique_ptr<shim::BlockOracle> oracle_;
  WorkerPool workers_;
  std::unique_ptr<Standby[]> standbys_;
  Monitor monitor_;

  mutable std::mutex stop_lock_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> exit_handler_{false};
  std::atomic<bool> no_stack_reported_{false};
  std::atomic<bool> deadlock_reported_{false};
  std::atomic<std::uint32_t> owners_{1};
  std::atomic<std::uint32_t> guests_{0};
  std::atomic<std::uint32_t> idle_waiters_{0};
  Event became_idle_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_RUNTIME_CORE_H_
