// SPDX-License-Identifier: Apache-2.0
// thread_view.h - what another thread of this process does now, and where it stands.
//
// A thread that is off its CPU is not disturbed: /proc/self/task/TID/syscall has its system call,
// and where its stack and its program stand. (A signal would end a poll() or an epoll_wait() with
// EINTR.) One that runs is asked by a signal to walk its own stack: nobody else can while it moves.
// The asker waits for the answer 100 ms at most; a thread that has the signal blocked gives none.
//
// One question at a time, process-wide. States of it: free, asked (by the asker), answering (by the
// handler, by CAS), answered; the asker, when it has waited in vain, takes back by CAS what nobody
// has begun to answer. A signal that comes late finds nothing asked, or a question to another
// thread, and does nothing.
#ifndef UMCG_RUNTIME_DEBUG_THREAD_VIEW_H_
#define UMCG_RUNTIME_DEBUG_THREAD_VIEW_H_

#include <sys/types.h>

#include <cstdint>

#include "runtime/unwind/unwinder.h"

namespace umcg::inline v0::internal {

struct ThreadView {
  enum class Doing : std::uint8_t { kUnknown, kRunning, kSystemCall, kBlocked };
  Doing doing = Doing::kUnknown;  // kBlocked: outside a system call, as in a page fault
  long call = -1;
  std::uint64_t first_argument = 0;
  std::uint64_t sp = 0;
  std::uint64_t pc = 0;
};

// From /proc; kUnknown if it does not tell. Safe in a signal handler.
ThreadView look_at_thread(pid_t tid) noexcept;

// Where a running thread stands. The stack may be read `elsewhere` too. False: no answer. Not for
// the calling thread. Safe in a signal handler once prepare_to_ask() has been called.
bool ask_for_backtrace(pid_t tid, const StackRange& stack, Unwinder& unwinder,
                       Backtrace& result) noexcept;

// Finds a real-time signal that the program does not use, and installs the handler; once. False if
// there is none.
bool prepare_to_ask() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_THREAD_VIEW_H_
