// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/watcher.h"

#include <algorithm>
#include <new>

#include "kernel_shim/clock.h"
#include "kernel_shim/oracle/proc_files.h"
#include "kernel_shim/service_thread.h"
#include "kernel_shim/timer_slack.h"
#include "kernel_shim/workers/worker_steps.h"

namespace umcg::inline v0::internal::shim {
namespace {

// As it is without its server. A preemption that somebody asked for has become needless.
std::uint64_t blocked(std::uint64_t word) noexcept {
  return with_server(without(with_state(word, UMCG_TASK_BLOCKED), kProposed | kPreempted), 0);
}

}  // namespace

void Watcher::start() {
  task_ = acquire_task();
  if (task_ == nullptr) throw std::bad_alloc();
  task_tid_.store(tid_of(*task_), std::memory_order_relaxed);
  stopping_.store(false, std::memory_order_relaxed);
  try {
    thread_ = start_service_thread("umcg/watcher", [this] { run(); });
  } catch (...) {
    release_task(task_);
    throw;
  }
}

void Watcher::stop_and_join() noexcept {
  stopping_.store(true, std::memory_order_seq_cst);
  (void)wake(*task_);
  thread_.join();
  release_task(task_);
}

bool Watcher::is_in_this_process() const noexcept {
  std::uint32_t state;
  return get_state(task_tid_.load(std::memory_order_relaxed), &state) == 0;
}

void Watcher::add(Member& worker) noexcept {
  std::lock_guard lock(mutex_);
  worker.seen = 0;
  worker.next_worker = first_;
  first_ = &worker;
}

void Watcher::remove(Member& worker) noexcept {
  std::lock_guard lock(mutex_);
  Member** link = &first_;
  while (*link != &worker) link = &(*link)->next_worker;
  *link = worker.next_worker;
}

void Watcher::wake_if_asleep() noexcept {
  if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) (void)wake(*task_);
}

void Watcher::run() noexcept {
  shorten_timer_slack();
  std::int64_t period = kShortPeriod;
  while (!stopping_.load(std::memory_order_seq_cst)) {
    const Found found = look_around();
    period = found.something ? kShortPeriod : std::min(2 * period, kLongPeriod);
    if (found.any) {
      (void)wait(*task_, now_ns() + period);
      continue;
    }
    asleep_.store(true, std::memory_order_seq_cst);
    if (!any_needs_look() && !stopping_.load(std::memory_order_seq_cst)) (void)wait(*task_, kNever);
    asleep_.store(false, std::memory_order_relaxed);
    period = kShortPeriod;
  }
}

// A worker that is inside one of our functions will tell itself what becomes of it.
bool Watcher::needs_look(const Member& worker) const noexcept {
  const std::uint64_t word = worker.word.load(std::memory_order_seq_cst);
  if (member_state(word) == UMCG_TASK_RUNNING) return true;
  return member_state(word) == UMCG_TASK_BLOCKED && !group_.parks();
}

bool Watcher::any_needs_look() noexcept {
  std::lock_guard lock(mutex_);
  for (Member* worker = first_; worker != nullptr; worker = worker->next_worker) {
    if (needs_look(*worker)) return true;
  }
  return false;
}

Watcher::Found Watcher::look_around() noexcept {
  std::lock_guard lock(mutex_);
  Found found;
  for (Member* worker = first_; worker != nullptr; worker = worker->next_worker) {
    if (!needs_look(*worker)) continue;
    found.any = true;
    const std::uint64_t word = worker->word.load(std::memory_order_acquire);
    if (has(word, kInside)) continue;
    const bool sleeps = group_.oracle->look(worker->subject, worker->seen) == Look::kBlocked;
    if (member_state(word) == UMCG_TASK_RUNNING && sleeps) {
      found.something |= has_blocked(*worker, word);
    } else if (member_state(word) == UMCG_TASK_BLOCKED && !sleeps && !group_.parks()) {
      found.something |= become_unblocked(*worker, word);
    }
  }
  return found;
}

bool Watcher::has_blocked(Member& worker, std::uint64_t word) noexcept {
  const std::uint32_t server = server_of(word);
  const umcg_tid tid = tid_of(worker);
  const bool done = group_.parks() ? detach_and_trap(worker, word) : detach(worker, word);
  if (done) give_server_back(server, tid);
  return done;
}

bool Watcher::detach(Member& worker, std::uint64_t word) noexcept {
  // Fails if anything at all has happened to the worker since it was looked at.
  // acq_rel: acquire pairs with the release of who made it RUNNING; release with the acquire of who
  // meets BLOCKED.
  return worker.word.compare_exchange_strong(word, blocked(word), std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
}

bool Watcher::detach_and_trap(Member& worker, std::uint64_t word) noexcept {
  const std::int64_t before = clock_ns(worker.subject.clock);
  const std::uint64_t address = read_blocked_address(worker.syscall_fd);
  if (before < 0 || address == 0) return false;
  if (!worker.word.compare_exchange_strong(word, word | kProposed, std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) {
    return false;
  }
  const bool trapped = worker.block_trap.set_at_address(worker.subject.tid, address) &&
                       clock_ns(worker.subject.clock) == before;
  word = worker.word.load(std::memory_order_acquire);
  // Others set flags meanwhile: what matters is that nobody takes the proposal away.
  while (has(word, kProposed)) {
    const std::uint64_t to = trapped ? blocked(word) : without(word, kProposed);
    if (worker.word.compare_exchange_weak(word, to, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
      if (trapped) return true;
      break;
    }
  }
  worker.block_trap.clear();
  return false;
}

}  // namespace umcg::inline v0::internal::shim
