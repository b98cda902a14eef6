// SPDX-License-Identifier: Apache-2.0
// unblocked_queue.h - UnblockedQueue: workers that want a server, and the servers that wait for
// them.
//
// First in, first out. Those who put a worker in may be in a signal handler, may have interrupted
// any of us, and so never take a lock: they push onto a stack. Servers take the whole stack and
// turn it round, under a lock that nobody else takes.
//
// A server that finds nothing sleeps on a count of events. The race that matters: a worker comes
// between its last look and its sleep. It counts itself as a sleeper, reads the count of events,
// looks, and sleeps only if the count is still the same; who pushes does so first, then counts the
// event, then looks for sleepers. All sequentially consistent: if the server's look missed the
// push, then either the count has moved, or the server was seen among the sleepers. (A list of idle
// servers, one of which is taken out and woken, was a source of trouble in the kernel patches: one
// slot missed the second server, several needed a lock that signal handlers must not take. Here
// nobody is chosen, so nobody who gives up has to hand his wake-up on.)
#ifndef UMCG_KERNEL_SHIM_WORKERS_UNBLOCKED_QUEUE_H_
#define UMCG_KERNEL_SHIM_WORKERS_UNBLOCKED_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <mutex>

namespace umcg::inline v0::internal::shim {

struct Member;

class UnblockedQueue {
 public:
  // Any thread, in signal handlers too. The worker is in no queue.
  void push(Member& worker) noexcept;

  // By servers, not in signal handlers. nullptr: there is none.
  Member* try_pop() noexcept;
  // The same, but sleeps until there is one. nullptr: a signal handler ran.
  Member* pop() noexcept;

 private:
  std::atomic<Member*> pushed_{nullptr};  // the newest first
  std::atomic<std::uint32_t> events_{0};  // how often push() was called
  std::atomic<std::uint32_t> sleepers_{0};
  std::mutex mutex_;
  Member* first_ = nullptr;  // guarded by mutex_: taken from pushed_, the oldest first
};

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_UNBLOCKED_QUEUE_H_
