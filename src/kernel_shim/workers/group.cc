// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/group.h"

#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "kernel_shim/task_table.h"
#include "kernel_shim/workers/hand_over.h"
#include "kernel_shim/workers/member.h"
#include "kernel_shim/workers/trap.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::uint64_t kAllFlags = UMCG_GROUP_PREEMPTION | UMCG_GROUP_PARK;
constexpr std::uint32_t kInTransit = UINT32_MAX;  // being made or ended

// Slots are filled from the front and never emptied.
constinit std::array<std::atomic<Group*>, 1024> g_groups{};
constinit std::atomic<std::uint32_t> g_last_number{0};

// In this order: generation_of() and state_of() are the halves of any such word.
std::uint64_t make_group_word(std::uint32_t number, std::uint32_t members) noexcept {
  return make_word(number, members);
}
std::uint32_t number_of(std::uint64_t word) noexcept { return generation_of(word); }
std::uint32_t members_of(std::uint64_t word) noexcept { return state_of(word); }

// A group that is ours alone, in transit; nullptr: none is free and there is no memory for more.
Group* take_free_group() noexcept {
  for (std::atomic<Group*>& slot : g_groups) {
    Group* group = slot.load(std::memory_order_acquire);
    if (group == nullptr) {
      std::unique_ptr<Group> fresh(new (std::nothrow) Group);
      if (fresh == nullptr) return nullptr;
      fresh->word.store(make_group_word(kInTransit, 0), std::memory_order_relaxed);
      // acq_rel: release pairs with the acquire of whoever looks through the slots.
      if (slot.compare_exchange_strong(group, fresh.get(), std::memory_order_acq_rel)) {
        return fresh.release();
      }
    }
    std::uint64_t free = 0;
    if (group->word.compare_exchange_strong(free, make_group_word(kInTransit, 0),
                                            std::memory_order_acq_rel)) {
      return group;
    }
  }
  return nullptr;
}

Group* find_group(std::uint32_t number) noexcept {
  if (number == 0 || number == kInTransit) return nullptr;
  for (std::atomic<Group*>& slot : g_groups) {
    Group* const group = slot.load(std::memory_order_acquire);
    if (group == nullptr) return nullptr;
    if (number_of(group->word.load(std::memory_order_acquire)) == number) {
      return group->watcher.is_in_this_process() ? group : nullptr;
    }
  }
  return nullptr;
}

// Numbers are not used again, and fit an int.
bool next_number(std::uint32_t* number) noexcept {
  std::uint32_t last = g_last_number.load(std::memory_order_relaxed);
  do {
    if (last == INT32_MAX) return false;
  } while (!g_last_number.compare_exchange_weak(last, last + 1, std::memory_order_relaxed));
  *number = last + 1;
  return true;
}

bool can_have(std::uint64_t flags) noexcept {
  if (flags == 0) return true;
  if (!install_trap_handler(on_trap) || !code_may_be_interrupted()) return false;
  // Here, since the first question starts a thread, and preemption may ask in a signal handler.
  (void)user_code_traps_work();
  return (flags & UMCG_GROUP_PARK) == 0 || address_traps_work();
}

}  // namespace

bool Group::parks() const noexcept { return (flags & UMCG_GROUP_PARK) != 0; }
bool Group::preempts() const noexcept { return (flags & UMCG_GROUP_PREEMPTION) != 0; }

int create_group(std::uint64_t flags) noexcept {
  if ((flags & ~kAllFlags) != 0) return -EINVAL;
  if (!can_have(flags)) return -EOPNOTSUPP;
  std::uint32_t number;
  Group* const group = next_number(&number) ? take_free_group() : nullptr;
  if (group == nullptr) return -ENOMEM;
  try {
    group->flags = flags;
    std::string why;
    // It alone tells a worker that waits for a CPU from one that is blocked.
    group->oracle = choose_oracle("proc", &why);
    group->watcher.start();
  } catch (const std::exception&) {  // no memory, or no thread
    group->oracle.reset();
    group->word.store(0, std::memory_order_release);
    return -ENOMEM;
  }
  // release: pairs with the acquire in join_group().
  group->word.store(make_group_word(number, 0), std::memory_order_release);
  return static_cast<int>(number);
}

int destroy_group(std::uint32_t number) noexcept {
  Group* const group = find_group(number);
  if (group == nullptr) return -ESRCH;
  std::uint64_t word = make_group_word(number, 0);
  // acq_rel: acquire pairs with the release in leave_group().
  if (!group->word.compare_exchange_strong(word, make_group_word(kInTransit, 0),
                                           std::memory_order_acq_rel)) {
    return number_of(word) == number ? -EBUSY : -ESRCH;
  }
  group->watcher.stop_and_join();
  // What is left are workers whose threads have ended.
  while (Member* worker = group->queue.try_pop()) release_ended(*worker);
  group->oracle.reset();
  group->word.store(0, std::memory_order_release);
  return 0;
}

Group* join_group(std::uint32_t number) noexcept {
  Group* const group = find_group(number);
  if (group == nullptr) return nullptr;
  std::uint64_t word = group->word.load(std::memory_order_relaxed);
  do {
    if (number_of(word) != number) return nullptr;
  } while (!group->word.compare_exchange_weak(word, make_group_word(number, members_of(word) + 1),
                                              std::memory_order_acquire,
                                              std::memory_order_relaxed));
  return group;
}

void leave_group(Group& group) noexcept {
  // release: pairs with the acquire in destroy_group(): no member touches the group after it.
  group.word.fetch_sub(1, std::memory_order_release);
}

}  // namespace umcg::inline v0::internal::shim
