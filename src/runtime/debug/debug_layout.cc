// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/debug_layout.h"

#include <cstddef>

#include "runtime/debug/runtime_list.h"
#include "runtime/runtime_core.h"
#include "runtime/unwind/saved_frame.h"
#include "runtime/waiting/wait_reason.h"

// Of types that are no plain structs the standard leaves offsetof to compilers; gcc and clang know
// it.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace umcg::inline v0::internal {

// A friend of those whose private members are in the table.
struct DebugLayout {
  static constexpr const void* kRuntimes = RuntimeList::slots_;
  static constexpr std::size_t kSlabs =
      offsetof(RuntimeCore, fibers_) + offsetof(FiberSlab, slabs_);
  static constexpr std::size_t kSlabNext = offsetof(FiberSlab::Slab, next);
  static constexpr std::size_t kSlabFibers = offsetof(FiberSlab::Slab, fibers);
  static constexpr std::size_t kPerSlab = FiberSlab::kPerSlab;
  static constexpr std::size_t kWorkers =
      offsetof(RuntimeCore, workers_) + offsetof(WorkerPool, slots_);
  static constexpr std::size_t kWorkerCount =
      offsetof(RuntimeCore, workers_) + offsetof(WorkerPool, count_);
};

void keep_debug_layout() noexcept { asm volatile("" ::"r"(umcg_debug_layout)); }

}  // namespace umcg::inline v0::internal

using namespace umcg::internal;

#if !defined(UMCG_SWITCH_OF_BOOST)
#define UMCG_SAVED_REGISTERS(X) X(0) X(1)
#elif defined(__x86_64__)
#define UMCG_SAVED_REGISTERS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#elif defined(__aarch64__)
#define UMCG_SAVED_REGISTERS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#endif
#define UMCG_SAVED(i)                                     \
  {"saved.register", kSavedRegisters[i].number, nullptr}, \
      {"saved.offset", kSavedRegisters[i].offset, nullptr},

constexpr umcg_debug_item umcg_debug_layout[] = {
    {"version", 2, nullptr},  // one more whenever a name's meaning changes
    {"runtimes", RuntimeList::kMost, DebugLayout::kRuntimes},
    {"runtime.slabs", DebugLayout::kSlabs, nullptr},
    {"runtime.workers", DebugLayout::kWorkers, nullptr},
    {"runtime.worker_count", DebugLayout::kWorkerCount, nullptr},
    {"slab.next", DebugLayout::kSlabNext, nullptr},
    {"slab.fibers", DebugLayout::kSlabFibers, nullptr},
    {"slab.count", DebugLayout::kPerSlab, nullptr},
    {"fiber.size", sizeof(FiberCore), nullptr},
    {"fiber.id", offsetof(FiberCore, id), nullptr},
    {"fiber.name", offsetof(FiberCore, name), nullptr},
    {"fiber.state", offsetof(FiberCore, state), nullptr},
    {"fiber.stack", offsetof(FiberCore, stack), nullptr},
    {"fiber.waits_for", offsetof(FiberCore, waits_for), nullptr},
    {"state.ready", static_cast<std::uint64_t>(FiberState::kReady), nullptr},
    {"state.running", static_cast<std::uint64_t>(FiberState::kRunning), nullptr},
    {"state.parked", static_cast<std::uint64_t>(FiberState::kParked), nullptr},
    {"wait.reason_shift", WaitRecord::kReasonShift, nullptr},
    {"wait.reason_mask", WaitRecord::kReasons, nullptr},
    {"wait.reason_names", static_cast<std::uint64_t>(WaitReason::kCount), kWaitReasonNames},
    {"wait.join", static_cast<std::uint64_t>(WaitReason::kJoin), nullptr},
    {"stack.saved", offsetof(Stack, saved), nullptr},
    {"stack.low", offsetof(Stack, low), nullptr},
    {"saved.on_stack", kSavedOnStack, nullptr},
    {"saved.size", kSavedFrameSize, nullptr},
    {"saved.pc", kSavedPc, nullptr},
    UMCG_SAVED_REGISTERS(UMCG_SAVED){"worker.current", offsetof(Worker, current), nullptr},
    {"worker.tid", offsetof(Worker, subject) + offsetof(shim::Subject, tid), nullptr},
    {nullptr, 0, nullptr}};
