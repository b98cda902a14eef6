// SPDX-License-Identifier: Apache-2.0
// watcher.h - Watcher: the thread of a group that sees its workers block and come back.
//
// It looks at the RUNNING workers with the group's block oracle, each 0.1 ms while it finds
// something, and less often, up to each 2 ms, while it does not. When no worker runs or is blocked
// it sleeps.
//
// RUNNING -> BLOCKED. A worker that the oracle calls blocked loses its server, which goes on. That
// may be wrong by the time it is done: the worker may be back in user code. In an ordinary group
// that is permitted; it is UNBLOCKED soon, and waits for a server at its next umcg_wait() or
// umcg_swap().
//
// In a group that parks it is not permitted, and the watcher goes by three steps: the worker's CPU
// clock is read, its address is read, and its word becomes RUNNING + PROPOSED; a trap is set at the
// address; the clock is read again. If it stands where it stood the worker has not run since before
// its address was read, so it is still in the kernel, and the trap is in its way: the word becomes
// BLOCKED. If it has run, it may have passed the address before the trap was there: the proposal is
// taken back. A worker that comes upon the trap before the word is BLOCKED, or that calls us, takes
// the proposal away itself; one of the two compare-and-swaps wins. Then the worker keeps its server
// and goes on.
//
// If no trap can be set (a page fault, a debugger that has all breakpoints, no descriptor) the
// worker stays RUNNING, and its server waits. That one worker runs for each server at most is what
// the group asked for; that no server waits comes second.
//
// BLOCKED -> UNBLOCKED. By the worker itself, where it is trapped or calls us; by the watcher,
// which sees it run, in a group that does not park.
//
// Going to sleep races with a worker that is run. The watcher says that it sleeps, then looks at
// all words once more; who has made one RUNNING looks whether it sleeps (all seq_cst): one of the
// two sees the other.
//
// Rejected: standbys of the lowest priority on each CPU, as the runtime has them. They find a block
// within microseconds, but show in a machine's load, and need workers to stay where they look; a
// group's servers are ordinary threads that may be anywhere.
#ifndef UMCG_KERNEL_SHIM_WORKERS_WATCHER_H_
#define UMCG_KERNEL_SHIM_WORKERS_WATCHER_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "umcg/kernel.h"

namespace umcg::inline v0::internal::shim {

struct Group;
struct Member;
struct Task;

class Watcher {
 public:
  static constexpr std::int64_t kShortPeriod = 100'000;
  static constexpr std::int64_t kLongPeriod = 2'000'000;

  explicit Watcher(Group& group) : group_(group) {}
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Throws std::system_error or std::bad_alloc if there is no thread or no memory to be had.
  void start();
  void stop_and_join() noexcept;
  // False in a forked child.
  bool is_in_this_process() const noexcept;

  // The worker itself, at its beginning and end. Wait for a look around at most.
  void add(Member& worker) noexcept;
  void remove(Member& worker) noexcept;

  // Whoever has made a worker RUNNING. Any thread, in signal handlers too.
  void wake_if_asleep() noexcept;

 private:
  struct Found {
    bool any = false;        // somebody to be looked at again
    bool something = false;  // a block or a return
  };

  void run() noexcept;
  Found look_around() noexcept;
  bool needs_look(const Member& worker) const noexcept;
  bool any_needs_look() noexcept;
  bool has_blocked(Member& worker, std::uint64_t word) noexcept;
  bool detach(Member& worker, std::uint64_t word) noexcept;
  bool detach_and_trap(Member& worker, std::uint64_t word) noexcept;

  Group& group_;
  Task* task_ = nullptr;
  std::atomic<umcg_tid> task_tid_{0};  // of task_; read by who looks for a group
  std::mutex mutex_;
  Member* first_ = nullptr;  // guarded by mutex_
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_WATCHER_H_
