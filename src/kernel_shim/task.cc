// SPDX-License-Identifier: Apache-2.0
// task.cc - wait, wake and swap on the tasks of this process. The protocol: wait_wake.h.
#include "kernel_shim/task.h"

#include <cerrno>

#include "kernel_shim/backend.h"
#include "kernel_shim/task_table.h"

namespace umcg::inline v0::internal::shim {
namespace {

// As the process's backend does it, with one call's deadline.
struct ByBackend {
  const Backend& backend = current_backend();
  std::int64_t deadline_ns = kNever;
  bool interruptible = false;
  // In a swap that may linger.
  Task* self = nullptr;
  const Task* partner = nullptr;

  int look() const noexcept { return 0; }
  int sleep(const std::uint32_t* half, std::uint32_t expected) const noexcept {
    const int result = backend.sleep(half, expected, deadline_ns);
    return result == -EINTR && !interruptible ? 0 : result;
  }
  void wake(const std::uint32_t* half) const noexcept { backend.wake(half); }
  void linger(const Word& word, std::uint64_t woken) const noexcept {
    if (partner != nullptr) shim::linger(partner->cpu, self->look, word, woken);
  }
  bool can_swap() const noexcept { return backend.swap != nullptr; }
  void swap(const std::uint32_t* next, const std::uint32_t* half,
            std::uint32_t expected) const noexcept {
    backend.swap(next, half, expected, deadline_ns);
  }
};

int wait_any(Task& self, const ByBackend& how) noexcept {
  // relaxed: only the owner changes the generation.
  return wait_word(self.word, generation_of(self.word.load(std::memory_order_relaxed)), how);
}

int swap_any(Task& self, umcg_tid next, ByBackend how) noexcept {
  if (next == 0 || next == tid_of(self)) return -EINVAL;
  Task* task = find_slot(next);
  if (task == nullptr) return -ESRCH;
  if (how.interruptible) {
    how.self = &self;
    how.partner = task;
  }
  return swap_words(self.word, generation_of(self.word.load(std::memory_order_relaxed)), task->word,
                    generation_of(next), task->word.load(std::memory_order_acquire), how);
}

}  // namespace

int wake(umcg_tid next) noexcept {
  if (next == 0) return -EINVAL;
  Task* task = find_slot(next);
  if (task == nullptr) return -ESRCH;
  return wake_word(task->word, generation_of(next), task->word.load(std::memory_order_acquire),
                   ByBackend());
}

int wake(Task& next) noexcept {
  const std::uint64_t word = next.word.load(std::memory_order_acquire);
  return wake_word(next.word, generation_of(word), word, ByBackend());
}

int wait(Task& self, std::int64_t deadline_ns) noexcept {
  return wait_any(self, {.deadline_ns = deadline_ns});
}

int wait_interruptible(Task& self, std::int64_t deadline_ns) noexcept {
  note_cpu(self.cpu);
  return wait_any(self, {.deadline_ns = deadline_ns, .interruptible = true});
}

int swap(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  return swap_any(self, next, {.deadline_ns = deadline_ns});
}

int swap_interruptible(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  note_cpu(self.cpu);
  return swap_any(self, next, {.deadline_ns = deadline_ns, .interruptible = true});
}

int get_state(umcg_tid tid, std::uint32_t* state) noexcept {
  if (tid == 0) return -EINVAL;
  const Task* task = find_slot(tid);
  if (task == nullptr) return -ESRCH;
  const std::uint64_t word = task->word.load(std::memory_order_acquire);
  if (generation_of(word) != generation_of(tid) || state_of(word) == UMCG_TASK_NONE) return -ESRCH;
  *state = state_of(word);
  return 0;
}

}  // namespace umcg::inline v0::internal::shim
