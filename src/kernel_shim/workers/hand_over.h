// SPDX-License-Identifier: Apache-2.0
// hand_over.h - workers and servers: who runs whom, and how a server gets back what it gave.
//
// The functions behind umcg/kernel.h for members of groups. The protocol is told in hand_over.cc,
// the states in member_word.h.
#ifndef UMCG_KERNEL_SHIM_WORKERS_HAND_OVER_H_
#define UMCG_KERNEL_SHIM_WORKERS_HAND_OVER_H_

#include <cstdint>

#include "kernel_shim/registration.h"
#include "umcg/kernel.h"

namespace umcg::inline v0::internal::shim {

// The calling thread, with a task that it has acquired and a group that it has joined, in two
// steps: what can fail (nullptr: no memory, or no descriptor; task and group are still the
// caller's), and the rest. A worker returns from the second when a server runs it.
Member* prepare_member(Group& group, Task& task, Role role) noexcept;
void start_member(Member& self, Role role) noexcept;
// The calling thread leaves its group, and gives its task back. A worker without a server waits for
// one first. 0, -EINVAL (in a signal handler that interrupted a function of ours).
int unregister_member(Member& self) noexcept;
// The same at the end of the thread, and nobody waits for anything.
void end_member(Member& self) noexcept;
// A worker from the queue whose thread has ended there.
void release_ended(Member& worker) noexcept;

// Servers. Errors as in umcg/kernel.h.
int poll_worker(Member& self, bool nowait, umcg_tid* worker) noexcept;
int run_worker(Member& self, umcg_tid next, umcg_tid* last) noexcept;

// Workers.
int worker_wait(Member& self, std::int64_t deadline_ns) noexcept;
int worker_swap(Member& self, umcg_tid next, std::int64_t deadline_ns) noexcept;

// Any thread, in signal handlers too.
int wake_member(umcg_tid next) noexcept;
int get_member_state(umcg_tid tid, std::uint32_t* state) noexcept;
int preempt_worker(umcg_tid tid) noexcept;

// Over a piece of a function of ours: no other thread takes the server of the calling worker, and
// no trap stops it there. If self is nullptr, nothing.
class Inside {
 public:
  explicit Inside(Member* self) noexcept;
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Member* const self_;  // nullptr: not a worker, or inside already
};

// What the handler of SIGTRAP does on a worker.
void on_trap() noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_WORKERS_HAND_OVER_H_
