// SPDX-License-Identifier: Apache-2.0
// fiber_core.h - FiberCore: the descriptor of a fiber, from spawn() to join().
//
// It lives in type-stable slabs (fiber_slab.h) and is never unmapped while its runtime lives, so
// that dumps and runtime-wide stops can walk all of them without a list. A fiber gets a stack only
// when it first runs: ten thousand spawned fibers that each run to their end need one stack per
// server.
#ifndef UMCG_RUNTIME_FIBER_FIBER_CORE_H_
#define UMCG_RUNTIME_FIBER_FIBER_CORE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include "umcg/internal/task.h"
#include "umcg/internal/wait_queue.h"

namespace umcg::inline v0::internal {

class FiberGroup;
class RuntimeCore;
struct LocalValue;
struct Stack;
struct WaitNode;

// What keeps a fiber where it is. The fiber's own.
struct alignas(4) Ties {
  bool bound = false;           // it has a thread of its own: see bound.h. Constant
  std::uint8_t no_suspend = 0;  // stop callbacks that it is inside of
  std::uint16_t pins = 0;       // live ThreadPins

  bool any() const noexcept { return std::bit_cast<std::uint32_t>(*this) != 0; }
  // The thread of a bound one is there for its waits.
  bool any_but_bound() const noexcept { return no_suspend != 0 || pins != 0; }
};

// For people: dumps and reports. No protocol depends on it.
enum class FiberState : std::uint8_t { kFree, kReady, kRunning, kParked, kDone };

struct alignas(64) FiberCore {
  static constexpr std::size_t kInlineTask = 80;

  // Written by the creator before the fiber is published, then constant.
  const TaskOps* ops = nullptr;
  void* task = nullptr;  // inline_task, or from operator new
  RuntimeCore* rt = nullptr;
  // Atomic for reports, which read them of any fiber. The name comes from new[], or is null; it is
  // freed under the runtime's stop_lock(), which a report about other fibers holds.
  std::atomic<const char*> name{nullptr};
  std::atomic<std::uint64_t> id{0};

  // Written by the worker that runs the fiber; null until it first runs, unless it asked for a
  // size.
  Stack* stack = nullptr;
  union {
    // Link of the one queue or list that the fiber is in. Written by that queue's owner.
    FiberCore* next = nullptr;
    // Where it stands in no queue, but in an object that has a place for one: see Waiter's second
    // constructor. Here, beside what whoever wakes it touches anyway.
    WaitNode* direct_node;
  };
  // The end: flags kDone and kDetached (completion.cc), and whoever joins.
  WaitQueue done;
  // Stop state: see stop_state.h.
  std::atomic<std::uintptr_t> stop{0};
  // Written on the fiber before `done`, read after it.
  std::exception_ptr error;

  std::uint64_t id_now() const noexcept { return id.load(std::memory_order_relaxed); }
  std::string_view name_now() const noexcept {
    const char* const n = name.load(std::memory_order_acquire);
    return n != nullptr ? n : "";
  }
  // Whether it is new, and begins on a stack of the server's.
  bool needs_stack() const noexcept { return stack == nullptr && !ties.bound; }
  // On the fiber: whether it may go to another thread here.
  bool may_migrate() const noexcept { return !ties.any_but_bound(); }

  std::atomic<FiberState> state{FiberState::kFree};
  // Owned by whoever runs the fiber or has it in a queue.
  bool patient = false;          // ran for long before it was queued: see hogs.h
  std::uint16_t task_align = 0;  // of a task from operator new, else 0
  Ties ties;
  FiberGroup* group = nullptr;  // the scope or pool whose child it is
  // A WaitRecord: what the fiber waits for. Written by the fiber, read by reports about any.
  std::atomic<std::uint64_t> waits_for{0};
  // Values of FiberLocals. Written by the creator, then by the fiber.
  LocalValue* locals = nullptr;
  alignas(16) std::byte inline_task[kInlineTask];
};

static_assert(sizeof(FiberCore) == 192);

// Bits of FiberCore::done beyond those of the queue itself.
inline constexpr std::uintptr_t kDone = 4;
inline constexpr std::uintptr_t kDetached = 8;
// The rest of the word is the address of the one fiber that joins: see completion.h.
inline constexpr std::uintptr_t kDirectJoin = 16;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_FIBER_CORE_H_
