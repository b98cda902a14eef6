// SPDX-License-Identifier: Apache-2.0
#include "umcg/internal/launch.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "runtime/base/report.h"
#include "runtime/fiber/completion.h"
#include "runtime/fiber/fiber_locals.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/handoff/bound.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/queues.h"
#include "runtime/scheduler/scheduler.h"
#include "umcg/runtime.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::size_t kFiberBatch = 64;
constexpr std::size_t kNameBytes = 63;

// From the slab, with some more for the server if the caller's worker holds one.
FiberCore* take_from_slab(RuntimeCore& rt, Worker* w) {
  rt.register_exit_handler();
  FiberChain chain = rt.fibers().allocate(w != nullptr ? kFiberBatch : 1);
  FiberCore* const f = chain.pop_front();
  if (f == nullptr) throw std::bad_alloc();
  if (chain.empty()) return f;
  if (enter(*w)) {
    w->server->free_fibers.append(chain);
    leave(*w);
  } else {
    rt.fibers().release(chain);
  }
  return f;
}

// One that the server keeps, if the caller's worker holds a server of that runtime; or null.
FiberCore* take_kept(RuntimeCore& rt) noexcept {
  Worker* const w = current_worker();
  if (w == nullptr || w->rt != &rt || !enter(*w)) return nullptr;
  FiberCore* const f = w->server->free_fibers.pop_front();
  leave(*w);
  return f;
}

FiberCore* take_fresh(RuntimeCore& rt) {
  Worker* const w = current_worker();
  if (w != nullptr && w->rt == &rt) return take_from_slab(rt, w);
  rt.check_not_forked();  // a worker finds out when it enters
  return take_from_slab(rt, nullptr);
}

void apply(const SpawnOptions& options, RuntimeCore& rt, FiberCore& f) {
  if (!options.name.empty()) {
    const std::size_t n = std::min(options.name.size(), kNameBytes);
    char* const name = new char[n + 1];
    std::memcpy(name, options.name.data(), n);
    name[n] = '\0';
    // Release pairs with the acquire of name_now() in reports.
    f.name.store(name, std::memory_order_release);
  }
  f.ties.bound = options.bound;
  if (options.stack_size != 0 && !f.ties.bound) {
    f.stack = rt.stacks().allocate(options.stack_size);
    if (f.stack == nullptr) throw std::bad_alloc();
  }
}

// The parts of a descriptor that do not survive a fiber.
void reset(FiberCore& f, RuntimeCore& rt) noexcept {
  f.rt = &rt;
  f.task = f.inline_task;
  f.task_align = 0;
  f.stack = nullptr;
  f.group = nullptr;
  f.id.store(0, std::memory_order_relaxed);
  f.ties = {};
  f.patient = false;
  f.done.word.store(0, std::memory_order_relaxed);
}

void start_bound(FiberCore& f) {
  try {
    take_bound_worker(f);
  } catch (...) {
    f.ops->destroy(f.task);
    discard_fiber(&f);
    throw;
  }
}

constexpr bool fits_inline(std::size_t size, std::size_t align) noexcept {
  return size <= FiberCore::kInlineTask && align <= 16;
}

// With all that may be asked for. `kept` may be null.
[[gnu::noinline]] NewFiber create_with(FiberCore* kept, RuntimeCore& rt,
                                       const SpawnOptions* options, std::size_t size,
                                       std::size_t align) {
  FiberCore& f = kept != nullptr ? *kept : *take_fresh(rt);
  reset(f, rt);
  try {
    if (options != nullptr) apply(*options, rt, f);
    inherit_locals(f.locals);
    // A bound fiber's descriptor has its worker there.
    if (!fits_inline(size, align) || f.ties.bound) {
      const std::size_t wanted = std::max<std::size_t>(align, 16);
      f.task = ::operator new (size, std::align_val_t{wanted});
      f.task_align = static_cast<std::uint16_t>(wanted);
    }
  } catch (...) {
    discard_fiber(&f);
    throw;
  }
  return {&f, f.task};
}

}  // namespace

RuntimeCore& current_runtime() {
  if (Worker* w = current_worker()) return *w->rt;
  if (Runtime* rt = entered_runtime()) return RuntimeCore::of(*rt);
  die("spawn() or post() where there is no runtime: use Runtime::spawn(), or Runtime::enter() "
      "first");
}

NewFiber create_fiber(RuntimeCore& rt, const SpawnOptions* options, std::size_t size,
                      std::size_t align) {
  FiberCore* const f = take_kept(rt);
  const bool is_plain = options == nullptr && fits_inline(size, align) && !locals_are_inherited();
  if (f == nullptr || !is_plain) [[unlikely]] {
    return create_with(f, rt, options, size, align);
  }
  reset(*f, rt);
  return {f, f->inline_task};
}

void discard_fiber(FiberCore* f) noexcept {
  if (f->task_align != 0) ::operator delete (f->task, std::align_val_t{f->task_align});
  free_name(*f);
  destroy_locals(f->locals);
  if (f->stack != nullptr) f->rt->stacks().release(f->stack);
  recycle_fiber(*f->rt, nullptr, *f);
}

void start_fiber(FiberCore* f, const TaskOps* ops, bool detached) {
  RuntimeCore& rt = *f->rt;
  f->ops = ops;
  if (f->ties.bound) [[unlikely]] {
    start_bound(*f);
  }
  f->state.store(FiberState::kReady, std::memory_order_relaxed);
  if (detached) f->done.word.store(kDetached, std::memory_order_relaxed);
  Worker* const w = current_worker();
  if (w != nullptr && w->rt == &rt && enter(*w)) {
    Server& s = *w->server;
    f->id.store(rt.next_fiber_id(s), std::memory_order_relaxed);
    count_here(s.counters.fibers_started);
    if (s.is_hooked()) [[unlikely]] {
      at_spawn(*w, *f);
    }
    push_fresh(s, f);
    leave(*w);
  } else {
    rt.start_from_outside(f);
  }
}

std::stop_token stop_token_of(FiberCore* self) { return stop_token(*self); }

}  // namespace umcg::inline v0::internal
