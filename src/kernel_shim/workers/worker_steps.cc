// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/worker_steps.h"

#include <cerrno>

namespace umcg::inline v0::internal::shim {

bool enter(Member& self) noexcept {
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  do {
    if (has(word, kInside)) return false;
  } while (!change(self, &word, without(word, kProposed) | kInside));
  return true;
}

int sleep_until_run(Member& self, umcg_tid first, std::int64_t deadline_ns) noexcept {
  int result = first == 0 ? 0 : swap_interruptible(*self.task, first, deadline_ns);
  int error = 0;
  for (;;) {
    std::uint64_t word = self.word.load(std::memory_order_acquire);
    if (member_state(word) == UMCG_TASK_RUNNING) return error;
    // Once it does not wait, or has been chosen, only being run ends its sleep.
    const bool waits = has(word, kInWait) && !has(word, kLocked);
    if (waits && (result == -EINTR || result == -ETIMEDOUT)) {
      if (change(self, &word, without(with_state(word, UMCG_TASK_UNBLOCKED), kInWait))) {
        error = result;
        push(self);
      }
      continue;
    }
    result = waits ? wait_interruptible(*self.task, deadline_ns) : wait(*self.task, kNever);
  }
}

void have_server(Member& self) noexcept {
  self.block_trap.clear();
  std::uint64_t word = self.word.load(std::memory_order_acquire);
  while (member_state(word) == UMCG_TASK_BLOCKED) {
    if (become_unblocked(self, word)) break;
    word = self.word.load(std::memory_order_acquire);
  }
  (void)sleep_until_run(self, 0, kNever);
}

void leave(Member& self) noexcept {
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  for (;;) {
    if (member_state(word) == UMCG_TASK_RUNNING && has(word, kPreempted)) {
      const std::uint32_t server = server_of(word);
      if (!change(self, &word, with_server(with_state(word, UMCG_TASK_RUNNABLE), 0))) continue;
      self.preempt_trap.clear();
      give_server_back(server, tid_of(self));
      (void)sleep_until_run(self, 0, kNever);
      word = self.word.load(std::memory_order_relaxed);
    } else if (member_state(word) == UMCG_TASK_BLOCKED && group_of(self).parks() &&
               !self.block_trap.is_set()) {
      // A signal handler ran before the block's end, and in here upon the trap: it will not hit
      // again.
      have_server(self);
      word = self.word.load(std::memory_order_relaxed);
    } else if (change(self, &word, without(word, kInside))) {
      return;
    }
  }
}

umcg_tid release_server(std::uint32_t index, umcg_tid worker) noexcept {
  Member& server = *find_member(index);
  const umcg_tid task = task_tid_of(server);
  server.returned.store(worker, std::memory_order_relaxed);
  const std::uint64_t word = server.word.load(std::memory_order_relaxed);
  // release: pairs with the acquire in run_worker(). Nobody else changes the word of a server that
  // is SERVING; after this it may unregister.
  server.word.store(with_state(word, UMCG_TASK_PROCESSING), std::memory_order_release);
  return task;
}

void give_server_back(std::uint32_t server, umcg_tid worker) noexcept {
  (void)wake(release_server(server, worker));
}

bool become_unblocked(Member& worker, std::uint64_t word) noexcept {
  if (!worker.word.compare_exchange_strong(word, with_state(word, UMCG_TASK_UNBLOCKED),
                                           std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return false;
  }
  push(worker);
  return true;
}

}  // namespace umcg::inline v0::internal::shim
