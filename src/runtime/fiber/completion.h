// SPDX-License-Identifier: Apache-2.0
// completion.h - the end of a fiber, and of its descriptor. See fiber_loop.cc for who frees what.
//
// FiberCore::done is the word of an event (event_word.h) whose flag is kDone. One waiter of it is
// so common that it has a way of its own: a fiber that joins with neither deadline nor stop token.
// It needs no Waiter, since nobody but the end can wake it, and no queue, since a handle is used by
// one at a time. It parks first; then the far side of its switch puts its address, with
// kDirectJoin, into the word by CAS from 0. The race that matters: the other fiber ends at that
// moment. The word is kDone then, the CAS fails, and the joiner is made ready where it stands. If
// the end finds the joiner in the word, that one is parked, and there is nobody else who could
// touch the word. Two locked operations for a join instead of six.
//
// The second race: somebody waits in the queue, with a deadline, which passes as the fiber ends; he
// leaves the queue, and then joins directly or detaches. So the end takes the queue's lock only by
// a CAS from the very word in which somebody stands in the queue, and looks anew if that fails. He
// cannot leave then before the end has unlocked, and what he does next finds kDone. In other words:
// who joins directly or detaches finds 0 or kDone, and never a lock.
#ifndef UMCG_RUNTIME_FIBER_COMPLETION_H_
#define UMCG_RUNTIME_FIBER_COMPLETION_H_

#include <atomic>
#include <cstdint>

#include "runtime/fiber/fiber_core.h"
#include "runtime/fiber/fiber_slab.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/scheduler/server.h"

namespace umcg::inline v0::internal {

class RuntimeCore;
struct Worker;

// Outside the runtime. If the fiber is detached: ends the process if it threw, else destroys its
// task.
bool finish_if_detached(FiberCore& f) noexcept;

// Marks the end and makes the joiner ready. `holds`: whether the worker holds its server; may
// become false. If the joiner is a fiber of this runtime it is returned, to run next, when the
// server is held.
FiberCore* complete(FiberCore& f, Worker& w, bool& holds) noexcept;

// The rare parts of what follows.
void free_name_slow(FiberCore& f) noexcept;
void free_task_memory(FiberCore& f) noexcept;
void recycle_to_slab(RuntimeCore& rt, FiberCore& f) noexcept;
void recycle_half(RuntimeCore& rt, FiberChain& kept) noexcept;

// Outside the runtime.
inline void free_name(FiberCore& f) noexcept {
  if (f.name.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    free_name_slow(f);
}

// Outside the runtime. Destroys the task and all that the descriptor owns.
inline void destroy_task(FiberCore& f) noexcept {
  f.ops->destroy(f.task);
  if (f.error) [[unlikely]]
    f.error = nullptr;
  if (f.task_align != 0) [[unlikely]]
    free_task_memory(f);
  free_name(f);
  if (f.stop.load(std::memory_order_relaxed) != 0) [[unlikely]]
    free_stop_state(f);
}

// Gives back a descriptor that owns nothing any more, to the server (held by the caller) or, with
// null, to the slab.
inline void recycle_fiber(RuntimeCore& rt, Server* server, FiberCore& f) noexcept {
  f.state.store(FiberState::kFree, std::memory_order_relaxed);
  if (server == nullptr) [[unlikely]] {
    recycle_to_slab(rt, f);
    return;
  }
  server->free_fibers.push_front(&f);
  if (server->free_fibers.count > Server::kKeepFibers) [[unlikely]]
    recycle_half(rt, server->free_fibers);
}

// For the far side of the switch that parked `joiner`: enters it as the one who waits for the end
// of `f`. False: it has ended.
inline bool join_directly(FiberCore& f, FiberCore& joiner) noexcept {
  std::uintptr_t running = 0;
  // Release publishes the saved context; it pairs with the acquire in complete(). Acquire, when it
  // fails, pairs with the release there.
  return f.done.word.compare_exchange_strong(
      running, reinterpret_cast<std::uintptr_t>(&joiner) | kDirectJoin, std::memory_order_acq_rel,
      std::memory_order_acquire);
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_FIBER_COMPLETION_H_
