// SPDX-License-Identifier: Apache-2.0
// membership.cc - how a thread becomes a worker or a server, and how it ends.
//
// A member's memory and tid belong to its task. They go back when nothing can lead to it any more:
// at once, or, for a worker whose thread ends while it stands in the queue, when a server takes it
// out of there. In the queue it is recognised by its word: NONE + LOCKED.
#include <unistd.h>

#include <cerrno>

#include "kernel_shim/oracle/proc_files.h"
#include "kernel_shim/workers/hand_over.h"
#include "kernel_shim/workers/worker_steps.h"

namespace umcg::inline v0::internal::shim {
namespace {

std::uint64_t first_word(const Member& self, std::uint32_t low) noexcept {
  return make_word(generation_of(task_tid_of(self)), low);
}

void stop_watching(Member& self) noexcept {
  Group& group = group_of(self);
  group.watcher.remove(self);
  group.oracle->detach(self.subject);
  if (self.syscall_fd >= 0) ::close(self.syscall_fd);
  self.syscall_fd = -1;
  self.block_trap.clear();
  self.preempt_trap.clear();
}

}  // namespace

Member* prepare_member(Group& group, Task& task, Role role) noexcept {
  Member* const self = member_of(task);
  if (self == nullptr) return nullptr;
  if (role == Role::kWorker && group.parks()) {
    self->syscall_fd = open_own_file("syscall");
    if (self->syscall_fd < 0) return nullptr;
  }
  self->group.store(&group, std::memory_order_relaxed);
  self->task_tid.store(tid_of(task), std::memory_order_relaxed);
  self->thread.store(::gettid(), std::memory_order_relaxed);
  self->preempt_trap.clear();  // of somebody who came too late
  return self;
}

void start_member(Member& self, Role role) noexcept {
  if (role == Role::kServer) {
    self.word.store(first_word(self, UMCG_TASK_PROCESSING), std::memory_order_release);
    return;
  }
  (void)group_of(self).oracle->attach(self.subject);
  self.word.store(first_word(self, UMCG_TASK_UNBLOCKED | kInside), std::memory_order_release);
  group_of(self).watcher.add(self);
  push(self);
  (void)sleep_until_run(self, 0, kNever);
  leave(self);
}

int unregister_member(Member& self) noexcept {
  const std::uint64_t word = self.word.load(std::memory_order_relaxed);
  if (is_server(word)) {
    if (member_state(word) != UMCG_TASK_PROCESSING) return -EINVAL;
  } else {
    if (!enter(self)) return -EINVAL;
    have_server(self);
  }
  end_member(self);
  return 0;
}

void end_member(Member& self) noexcept {
  Group& group = group_of(self);
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  const bool serves = is_server(word);
  if (!serves) {
    (void)enter(self);
    stop_watching(self);
  }
  const std::uint32_t next_generation = generation_of(word) + 1;
  word = self.word.load(std::memory_order_acquire);
  std::uint64_t to;
  do {
    const bool queued = !serves && member_state(word) == UMCG_TASK_UNBLOCKED;
    to = make_word(next_generation, queued ? UMCG_TASK_NONE | kLocked : UMCG_TASK_NONE);
  } while (!change(self, &word, to));
  // In the queue: who takes it out of there gives the task back.
  if (has(to, kLocked)) return leave_group(group);
  release_task(self.task);
  // In this order: the server's thread, which is a member too, may want to destroy the group.
  leave_group(group);
  if (!serves && member_state(word) == UMCG_TASK_RUNNING) give_server_back(server_of(word), 0);
}

void release_ended(Member& worker) noexcept {
  worker.word.store(without(worker.word.load(std::memory_order_acquire), kLocked),
                    std::memory_order_relaxed);
  release_task(worker.task);
}

}  // namespace umcg::inline v0::internal::shim
