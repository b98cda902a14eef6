// SPDX-License-Identifier: Apache-2.0
// worker.h - Worker: an OS thread that can hold a server and run its fibers.
#ifndef UMCG_RUNTIME_SCHEDULER_WORKER_H_
#define UMCG_RUNTIME_SCHEDULER_WORKER_H_

#include <time.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "kernel_shim/block_oracle.h"
#include "kernel_shim/task.h"
#include "runtime/base/cpu_share.h"
#include "runtime/base/published.h"
#include "runtime/base/relaxed.h"
#include "runtime/base/slice.h"
#include "runtime/context/context.h"
#include "runtime/context/thread_state.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
class Waiter;
struct FiberCore;
struct Server;
struct Stack;
struct WaitNode;

// By which the far side of a switch enters a fiber, parked now, where others can find it. False: no
// place there, and the fiber is ready.
struct DirectEntry {
  WaitNode* node;
  bool (*enter)(FiberCore&, void* object);
  void* object;
};

// What the far side of a switch does for the context that was left, once it is safe to resume it.
struct AfterSwitch {
  enum class What : std::uint8_t { kNothing, kPark, kEnter, kJoin, kRequeue, kInject, kRelease };
  What what = What::kNothing;
  FiberCore* fiber = nullptr;
  union {
    Waiter* waiter = nullptr;  // kPark
    DirectEntry* entry;        // kEnter
    FiberCore* joined;         // kJoin
    Stack* stack;              // kRelease
  };
};

// For people: since when the worker runs its fiber. The monitor's (observer.h).
struct WorkerTurn {
  Relaxed<std::uint64_t> fiber;  // its id
  Relaxed<std::int64_t> since;
  std::int64_t cpu_since = 0;  // the thread's CPU clock then
  std::uint64_t look = 0;      // at which it held a server, and
  std::uint32_t tick_now = 0;  // that one's tick
  std::uint32_t tick = 0;      // the tick of this turn
  bool reported = false;
};

// What else leave() has to do.
inline constexpr std::uint8_t kChaosAtLeave = 1;   // always, in chaos mode
inline constexpr std::uint8_t kDetachAtLeave = 2;  // once: see hogs.h

struct alignas(64) Worker {
  // Written by this worker only, read by it, and (in_rt) by those who claim: see server_word.h.
  std::atomic<std::uint64_t>* word = nullptr;  // of the server held, else of no server
  std::uint64_t held = 0;                      // what *word reads while the server is ours
  std::atomic<std::uint32_t> in_rt{0};
  std::uint8_t at_leave = 0;  // kChaosAtLeave, kDetachAtLeave
  std::uint32_t chaos_state = 1;

  // This worker's alone.
  Published<FiberCore*> current;
  Server* server = nullptr;
  std::uint32_t last_server = 0;  // the index of the one that it lost
  RuntimeCore* rt = nullptr;
  AfterSwitch after;              // set before each jump
  Context host;                   // the thread's own stack
  FiberCore* for_host = nullptr;  // to be run by it: bound, or in need of a stack
  shim::Task* swap_to = nullptr;  // to be woken when this worker goes to sleep
  int* error_number = nullptr;
  ExceptionState* exceptions = nullptr;
  int pinned_cpu = -1;
  int policy = 0;                 // of scheduling, as the thread began
  bool interruptible = false;     // inside interruptible()
  Relaxed<TimeSlice> time_slice;  // see set_time_slice() in worker_thread.h
  std::int64_t detached_at = 0;   // by its CPU clock, ns; by itself, for a fiber that may compute
                                  // for long; else 0
  bool tired = false;             // computed for long: the kernel would make it wait now
  bool gave_away = false;         // its server, while a fiber runs on; until the next Enter

  // Written by the creator, before others can find the worker.
  std::uint32_t index = 0;
  clockid_t cpu_clock = 0;

  // Written by this worker before it sets `watchable`, then constant while it lives.
  shim::Subject subject;
  std::atomic<bool> watchable{false};

  shim::Task* task = nullptr;
  std::thread thread;

  // Orders to an idle worker. Written before it is woken, taken by exchange.
  std::atomic<Server*> assigned{nullptr};      // this server is yours
  std::atomic<Server*> claim_target{nullptr};  // try to claim this one
  std::atomic<FiberCore*> bound_to{nullptr};   // run this bound fiber
  // The standby's wish: take yourself out of that server's `spare`, then try to claim this one.
  std::atomic<Server*> poked_by{nullptr};
  Relaxed<Server*> poked_for;
  Relaxed<std::int64_t> seen_at;  // when the other worker was first seen off the CPU

  // When it last lost its server, and, for traces, its CPU time then; -1: not known. Written by
  // whoever took it.
  Relaxed<std::int64_t> lost_server_at{-1};
  Relaxed<std::int64_t> cpu_time_at_loss{-1};

  // The server that was taken away while a fiber computed on and on: see hogs.h.
  std::atomic<Server*> hog_of{nullptr};
  // The monitor's: whether a hog computes, since when it has stood still, and for how long it must
  // before /proc is asked again.
  CpuClockLook hog_cpu;
  std::int64_t hog_still_since = 0;
  std::int64_t hog_ask_after = 0;

  // See retake.h.
  long blocks = 0;  // of its thread, when it last began to hold a server
  std::atomic<bool> displaced{false};
  bool was_displaced = false;  // until it lost its server; its own

  // The CPU that it was on when it last began to hold a server; -1: a standby has since guessed
  // that it is blocked, which it may do once (standby.h).
  Relaxed<int> held_on{-1};
  Relaxed<int> slept_on{-1};  // the CPU that it was on when it last went to the pool

  WorkerTurn turn;

  Worker* next_idle = nullptr;  // under the pool's lock
};

// The fiber that runs on this thread, or null.
inline FiberCore* current_fiber() noexcept {
  const Worker* const w = current_worker();
  return w != nullptr ? w->current.get() : nullptr;
}

// Identity of whoever runs here, for locks: unique among what lives. The low two bits are zero for
// a fiber; see thread_token() for a plain thread.
inline std::uintptr_t current_token() noexcept {
  FiberCore* const f = current_fiber();
  return f != nullptr ? reinterpret_cast<std::uintptr_t>(f) : thread_token();
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_WORKER_H_
