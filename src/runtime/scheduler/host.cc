// SPDX-License-Identifier: Apache-2.0
// host.cc - what a worker does on its own stack: find a fiber and go there.
#include <time.h>

#include <utility>

#include "runtime/base/report.h"
#include "runtime/handoff/bound.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/scheduler.h"

namespace umcg::inline v0::internal {
namespace {

// The one place where a new fiber may have to wait for memory: it goes back to the queue for a
// while, and fibers that have a stack run on.
bool provide_stack(Worker& w, FiberCore* f) noexcept {
  if (f->stack != nullptr || w.server->stacks != nullptr) return true;
  RuntimeCore& rt = *w.rt;
  w.in_rt.store(0, std::memory_order_release);  // memory is user code's business: may block
  Stack* const stack = rt.stacks().allocate();
  const bool mine = enter(w);
  if (stack != nullptr) {
    keep_stack(w, stack);
    if (mine) return true;
  }
  rt.inject(f);
  if (mine && stack == nullptr) {
    rt.note_no_stack();
    // Inside the runtime: a worker that came to take over could do no better.
    constexpr timespec kNap{0, 1'000'000};
    ::nanosleep(&kNap, nullptr);
  }
  return false;
}

}  // namespace

void host_loop(Worker& w) noexcept {
  while (w.server != nullptr) {
    FiberCore* f = std::exchange(w.for_host, nullptr);
    if (f == nullptr) f = find_work(w);
    if (f == nullptr) return;
    if (f->ties.bound) {
      give_turn(w, *f);
      return;
    }
    if (!provide_stack(w, f)) continue;
    if (w.server->is_hooked()) at_run(w, *f);
    Context& to = destination(w, f);
    w.after = {};
    arrive(jump(w.host, to, &w, true), w.host);
  }
}

}  // namespace umcg::inline v0::internal
