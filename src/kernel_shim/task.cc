// SPDX-License-Identifier: Apache-2.0
// task.cc - the wait/wake/swap protocol.
#include "kernel_shim/task.h"

#include <bit>
#include <cerrno>

#include "kernel_shim/task_table.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::uint32_t kNone = UMCG_TASK_NONE;
constexpr std::uint32_t kRunnable = UMCG_TASK_RUNNABLE;
constexpr std::uint32_t kRunning = UMCG_TASK_RUNNING;
constexpr std::uint32_t kQueued = UMCG_TASK_RUNNING | UMCG_TF_WAKEUP_QUEUED;

static_assert(std::endian::native == std::endian::little, "the futex is the word's lower half");
const std::uint32_t* futex_of(const Task& task) {
  return reinterpret_cast<const std::uint32_t*>(&task.word);
}

// The waking half: nothing in it can block.
int wake_generation(Task& next, std::uint32_t generation, std::uint64_t word) noexcept {
  for (;;) {
    if (generation_of(word) != generation || state_of(word) == kNone) return -ESRCH;
    const std::uint32_t from = state_of(word);
    const std::uint32_t to = from == kRunnable ? kRunning : kQueued;
    // Even if a wake-up is queued already the word is written, with the same value: only so does
    // this caller's past happen before the return of the wait that takes the wake-up.
    // acq_rel: release pairs with the sleeper's acquire in prepare_wait() and sleep(); acquire with
    // the sleeper's release in prepare_wait(): the waker of a sleeping task sees what it did.
    if (next.word.compare_exchange_weak(word, make_word(generation, to), std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      if (from == kQueued) return -EAGAIN;
      if (from == kRunnable) futex_wake(futex_of(next), 1);
      return 0;
    }
  }
}

// The sleeping half, in two steps. RUNNING -> RUNNABLE, or take the queued wake-up.
enum class Prepared { kSleep, kWoken, kNotATask };
Prepared prepare_wait(Task& self, std::uint32_t* generation) noexcept {
  std::uint64_t word = self.word.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint32_t from = state_of(word);
    if (from != kRunning && from != kQueued) return Prepared::kNotATask;
    const std::uint32_t to = from == kQueued ? kRunning : kRunnable;
    *generation = generation_of(word);
    // acq_rel: acquire pairs with the release of all wakers that met the queued wake-up; release
    // with the acquire of the one who will meet RUNNABLE.
    if (self.word.compare_exchange_weak(word, make_word(*generation, to), std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
      return from == kQueued ? Prepared::kWoken : Prepared::kSleep;
    }
  }
}

// Until a waker has written RUNNING. `interruptible` decides whether -EINTR is an end, too.
int sleep(Task& self, std::uint32_t generation, std::int64_t deadline_ns,
          bool interruptible) noexcept {
  const std::uint64_t sleeping = make_word(generation, kRunnable);
  for (;;) {
    const int result = futex_wait(futex_of(self), kRunnable, deadline_ns);
    // acquire, here and below: pairs with the release in wake_generation().
    std::uint64_t word = self.word.load(std::memory_order_acquire);
    if (word != sleeping) return 0;
    if (result != -ETIMEDOUT && !(result == -EINTR && interruptible)) continue;
    // Give up, unless a waker comes first: then the wake-up is what is reported.
    const bool gave_up =
        self.word.compare_exchange_strong(word, make_word(generation, kRunning),
                                          std::memory_order_acq_rel, std::memory_order_acquire);
    return gave_up ? result : 0;
  }
}

int wait_any(Task& self, std::int64_t deadline_ns, bool interruptible) noexcept {
  std::uint32_t generation = 0;
  switch (prepare_wait(self, &generation)) {
    case Prepared::kWoken:
      return 0;
    case Prepared::kNotATask:
      return -EINVAL;
    case Prepared::kSleep:
      break;
  }
  return sleep(self, generation, deadline_ns, interruptible);
}

int swap_any(Task& self, umcg_tid next, std::int64_t deadline_ns, bool interruptible) noexcept {
  if (next == tid_of(self)) return -EINVAL;
  if (const int error = wake(next); error != 0) return error;
  return wait_any(self, deadline_ns, interruptible);
}

}  // namespace

int wake(umcg_tid next) noexcept {
  if (next == 0) return -EINVAL;
  Task* task = find_slot(next);
  if (task == nullptr) return -ESRCH;
  return wake_generation(*task, generation_of(next), task->word.load(std::memory_order_acquire));
}

int wake(Task& next) noexcept {
  const std::uint64_t word = next.word.load(std::memory_order_acquire);
  return wake_generation(next, generation_of(word), word);
}

int wait(Task& self, std::int64_t deadline_ns) noexcept {
  return wait_any(self, deadline_ns, false);
}

int wait_interruptible(Task& self, std::int64_t deadline_ns) noexcept {
  return wait_any(self, deadline_ns, true);
}

int swap(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  return swap_any(self, next, deadline_ns, false);
}

int swap_interruptible(Task& self, umcg_tid next, std::int64_t deadline_ns) noexcept {
  return swap_any(self, next, deadline_ns, true);
}

int get_state(umcg_tid tid, std::uint32_t* state) noexcept {
  if (tid == 0) return -EINVAL;
  const Task* task = find_slot(tid);
  if (task == nullptr) return -ESRCH;
  const std::uint64_t word = task->word.load(std::memory_order_acquire);
  if (generation_of(word) != generation_of(tid) || state_of(word) == kNone) return -ESRCH;
  *state = state_of(word);
  return 0;
}

}  // namespace umcg::inline v0::internal::shim
