// SPDX-License-Identifier: Apache-2.0
// worker_pool.h - WorkerPool: all workers of a runtime, and those that hold no server.
//
// A worker without a server is a server's spare (Server::spare), on the idle list, or overtaken:
// blocked in the kernel or in user code, with a fiber. It sleeps on its task until somebody gives
// it an order (Worker::assigned, Worker::claim_target) or the runtime ends.
#ifndef UMCG_RUNTIME_HANDOFF_WORKER_POOL_H_
#define UMCG_RUNTIME_HANDOFF_WORKER_POOL_H_

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel_shim/timer_slack.h"
#include "runtime/base/brief_lock.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Server;

class WorkerPool {
 public:
  // How many there can ever be: how far the soft bound can rise.
  static constexpr std::uint32_t most(std::uint32_t max_workers) noexcept {
    return max_workers + 4096;
  }
  WorkerPool(RuntimeCore& rt, std::uint32_t max_workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Starts a thread that waits for orders. Null if the bound or the system refuses. Blocks: outside
  // the runtime's no-blocking sections only.
  Worker* create() noexcept { return create_within(bound_.load(std::memory_order_relaxed)); }
  // Allows one worker more, if none is to be had within the bound. False if there are as many as
  // there can ever be.
  bool raise_bound() noexcept;
  // Whether all workers that are allowed exist.
  bool at_bound() const noexcept { return count() >= bound_.load(std::memory_order_relaxed); }

  // Takes the server's spare, else an idle worker, else another server's spare; null if there is
  // none. Does not block.
  Worker* take_for(Server& server) noexcept;
  // The same, and makes one if there is none. Blocks.
  Worker* take_or_create(Server& server) noexcept;
  // Puts an idle worker back: spare of some server that has none, rather of the one whose standby
  // is on the CPU that the worker was on: to wake a thread on another CPU takes ten times as long.
  // Else on the idle list. A tired one behind all others: the kernel is fair,
  // and makes a thread that has computed for long wait for those that have not.
  void put_back(Worker& worker) noexcept;
  // Sees to it that the server has a spare, if one is to be had. Blocks.
  void replenish(Server& server) noexcept;

  // A worker for a bound fiber, over and above max_workers; null if the system refuses. May block.
  Worker* take_for_bound() noexcept;
  // It is an ordinary worker again.
  void end_bound() noexcept { bound_.fetch_sub(1, std::memory_order_relaxed); }

  // Hands the server to an idle worker, which thereby holds it.
  static void assign(Worker& worker, Server& server) noexcept;
  // The same, and the caller wakes it.
  static void assign_asleep(Worker& worker, Server& server) noexcept;
  // Asks an idle worker to claim the server, whose worker was first seen off the CPU at `seen_at`.
  static void ask_to_claim(Worker& worker, Server& server, std::int64_t seen_at) noexcept;
  // The same of the spare of `home`, which stays where it is until it does so itself: by a standby,
  // which may be off the CPU for long after any instruction. Whom it has asked; null if there is
  // none.
  static Worker* poke_spare(Server& home, Server& server, std::int64_t seen_at) noexcept;

  // Whether the worker has not looked at that yet.
  static bool is_poked(const Worker& worker) noexcept {
    return worker.poked_by.load(std::memory_order_relaxed) != nullptr;
  }

  // The worker of an index that has been seen in a server's word.
  Worker& at(std::uint32_t index) const noexcept {
    return *slots_[index].load(std::memory_order_acquire);
  }
  // Workers that wait for orders.
  std::uint64_t idle_count() const noexcept;
  // Acquire pairs with the release of create_within(): so many can be looked up.
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  // Of the thread that made the runtime. The monitor makes workers too, and it blocks all signals
  // and sleeps by the microsecond.
  const sigset_t& signal_mask() const noexcept { return signal_mask_; }
  int timer_slack() const noexcept { return timer_slack_; }

  // Ends and joins all threads. No fiber may be left.
  void stop_and_join() noexcept;
  bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }

 private:
  friend struct DebugLayout;
  Worker* create_within(std::uint32_t limit) noexcept;
  // Rather one that was on this CPU.
  Worker* take_idle(int cpu = -1) noexcept;
  // -1: it has no standby.
  int cpu_of_standby(Server& server) const noexcept;
  // False if it has one.
  bool give_spare(Server& server, Worker& worker) noexcept;

  RuntimeCore& rt_;
  const std::uint32_t most_;  // for which there are slots
  std::atomic<std::uint32_t> bound_;
  sigset_t signal_mask_;
  const int timer_slack_ = shim::timer_slack();
  std::mutex create_;                              // one creation at a time
  std::unique_ptr<std::atomic<Worker*>[]> slots_;  // written under create_, by index
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> stopping_{false};
  BriefLock lock_;
  // Under lock_.
  Worker* idle_ = nullptr;
  Worker* last_idle_ = nullptr;
  std::atomic<std::uint64_t> listed_{0};  // how many
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_HANDOFF_WORKER_POOL_H_
