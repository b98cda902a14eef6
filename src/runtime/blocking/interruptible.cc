// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <functional>
#include <stop_token>
#include <utility>

#include "runtime/blocking/interrupts.h"
#include "runtime/context/thread_state.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/worker.h"
#include "umcg/blocking.h"

namespace umcg::inline v0::internal {
namespace {

struct StopCall {
  RuntimeCore* rt;
  Interruptible* call;
  void operator()() const noexcept {
    rt->interrupts().stop(*call);
    rt->monitor().wake_to_repeat();
  }
};

}  // namespace

void run_interruptible(void (*f)(void*), void* argument) {
  FiberCore* const self = current_fiber();
  if (self == nullptr) return f(argument);
  // The fiber stays on this thread: the signal is for the thread.
  struct Region {
    FiberCore& fiber;
    Worker& worker;
    Interruptible call;
    int error_number = 0;  // f's: ends of callbacks and of the region make calls too
    Region(FiberCore& of, Worker& on) noexcept : fiber(of), worker(on) {
      ++fiber.ties.pins;
      call.nested = std::exchange(worker.interruptible, true);
      fiber.rt->interrupts().add(call);
    }
    ~Region() {
      fiber.rt->interrupts().remove(call);
      *errno_location() = error_number;
      worker.interruptible = call.nested;
      --fiber.ties.pins;
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
  } region(*self, *current_worker());
  const std::stop_callback on_stop(stop_token(*self), StopCall{self->rt, &region.call});
  struct End {
    Region& of;
    ~End() { of.error_number = *errno_location(); }
  };
  const End end{region};
  f(argument);
}

}  // namespace umcg::inline v0::internal
