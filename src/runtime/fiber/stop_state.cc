// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/stop_state.h"

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/runtime_core.h"
#include "runtime/scheduler/worker.h"
#include "umcg/internal/fiber_group.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uintptr_t kStopRequested = 1;

std::stop_source* source_in(std::uintptr_t word) noexcept {
  return reinterpret_cast<std::stop_source*>(word & ~kStopRequested);
}

std::unique_ptr<std::stop_source> make_source(const FiberCore& f) {
  if (f.group != nullptr) {
    std::stop_source shared = f.group->children_stop();
    if (shared.stop_possible()) return std::make_unique<std::stop_source>(std::move(shared));
  }
  return std::make_unique<std::stop_source>();
}

}  // namespace

bool ask(std::stop_source source) noexcept {
  FiberCore* const self = current_fiber();
  if (self != nullptr) ++self->ties.no_suspend;
  const bool first = source.request_stop();
  if (self != nullptr) --self->ties.no_suspend;
  return first;
}

bool request_stop(FiberCore& f) {
  const std::uintptr_t before = f.stop.fetch_or(kStopRequested, std::memory_order_seq_cst);
  if ((before & kStopRequested) != 0) return false;
  if (std::stop_source* source = source_in(before)) (void)ask(*source);
  return true;
}

std::stop_token stop_token(FiberCore& f) {
  std::uintptr_t word = f.stop.load(std::memory_order_acquire);
  if (std::stop_source* source = source_in(word)) return source->get_token();
  auto made = make_source(f);
  std::uintptr_t wanted;
  do {
    if (std::stop_source* source = source_in(word)) return source->get_token();
    wanted = word | reinterpret_cast<std::uintptr_t>(made.get());
  } while (!f.stop.compare_exchange_weak(word, wanted, std::memory_order_seq_cst));
  std::stop_source* const source = made.release();
  if ((wanted & kStopRequested) != 0 || f.rt->stop_requested()) (void)ask(*source);
  return source->get_token();
}

void request_stop_of_all(RuntimeCore& rt) {
  std::vector<std::stop_source> sources;
  {
    // Sources are freed under this lock, so what is copied here is alive.
    std::lock_guard lock(rt.stop_lock());
    rt.fibers().for_each([&](FiberCore& f) {
      if (std::stop_source* source = source_in(f.stop.load(std::memory_order_seq_cst))) {
        sources.push_back(*source);
      }
    });
  }
  for (std::stop_source& source : sources) (void)ask(source);
}

void free_stop_state(FiberCore& f) noexcept {
  const std::uintptr_t word = f.stop.load(std::memory_order_relaxed);
  if (source_in(word) == nullptr) {
    f.stop.store(0, std::memory_order_relaxed);
    return;
  }
  std::lock_guard lock(f.rt->stop_lock());
  delete source_in(word);
  f.stop.store(0, std::memory_order_relaxed);
}

}  // namespace umcg::inline v0::internal
