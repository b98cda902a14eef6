// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/event_word.h"

#include "runtime/sync/select_ops.h"

namespace umcg::inline v0::internal {
namespace {

struct EventCase {
  static WaitQueue& queue(const SelectCase& c) noexcept {
    return *static_cast<WaitQueue*>(c.object);
  }
  static std::uintptr_t flag(const SelectCase& c) noexcept {
    return static_cast<std::uintptr_t>(c.number);
  }
  static bool try_now(const SelectCase& c) { return event_is_set(queue(c), flag(c)); }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    QueueLock lock(queue(c));
    if ((lock.flags() & flag(c)) != 0) return false;
    lock.push_back(node);
    return true;
  }
  static void withdraw(const SelectCase& c, WaitNode& node) noexcept {
    internal::withdraw(queue(c), node);
  }
  static bool complete(const SelectCase& c, WaitNode& node, Outcome /*code*/) noexcept {
    settle(queue(c), *node.waiter);
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

}  // namespace

SelectCase event_case(WaitQueue& queue, std::uintptr_t flag) noexcept {
  return {.ops = &EventCase::kOps, .object = &queue, .number = static_cast<std::int64_t>(flag)};
}

void set_event_slow(WaitQueue& queue, std::uintptr_t flag, Wakeups& wakeups) noexcept {
  QueueLock lock(queue);
  lock.set_flags(lock.flags() | flag);
  wakeups.claim_all(lock, kGranted);
}

WaitStatus wait_event(WaitQueue& queue, std::uintptr_t flag, const std::stop_token* stop,
                      Deadline deadline, WaitReason reason, const void* object) {
  if (event_is_set(queue, flag)) return WaitStatus::kReady;
  Waiter waiter(reason, object);
  WaitNode node{.waiter = &waiter};
  const bool patient = stop == nullptr && deadline.is_never();
  if (!patient || !push_if_idle(queue, node)) {
    QueueLock lock(queue);
    if ((lock.flags() & flag) != 0) return WaitStatus::kReady;
    if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
      return early;
    }
    lock.push_back(node);
  }
  return to_status(wait_in(queue, node, stop, deadline));
}

}  // namespace umcg::inline v0::internal
