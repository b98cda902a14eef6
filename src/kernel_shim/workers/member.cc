// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/workers/member.h"

#include <new>

#include "kernel_shim/workers/member_word.h"

namespace umcg::inline v0::internal::shim {
namespace {

// All members. The tasks, which lead to them, are in mapped memory: who searches a process for
// leaks does not look there, and a forked child finds it empty.
constinit std::atomic<Member*> g_newest{nullptr};

}  // namespace

Member* find_member(umcg_tid tid) noexcept {
  const Task* task = find_slot(task_part(tid));
  // acquire: pairs with the release in member_of().
  return task == nullptr ? nullptr : task->member.load(std::memory_order_acquire);
}

Member* member_of(Task& task) noexcept {
  Member* member = task.member.load(std::memory_order_relaxed);
  if (member != nullptr) return member;
  member = new (std::nothrow) Member;
  if (member == nullptr) return nullptr;
  member->task = &task;
  member->made_before = g_newest.load(std::memory_order_relaxed);
  // Relaxed: nobody walks the list.
  while (!g_newest.compare_exchange_weak(member->made_before, member, std::memory_order_relaxed)) {
  }
  // release: pairs with the acquire in find_member(), which may come from one who guesses a tid.
  task.member.store(member, std::memory_order_release);
  return member;
}

umcg_tid tid_of(const Member& member) noexcept {
  return member.task_tid.load(std::memory_order_relaxed) | kMemberBit;
}

std::uint32_t index_of(const Member& member) noexcept {
  return state_of(member.task_tid.load(std::memory_order_relaxed));
}

}  // namespace umcg::inline v0::internal::shim
