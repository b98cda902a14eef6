// SPDX-License-Identifier: Apache-2.0
// thread_record.h - ThreadRecord: what a plain thread waits for, for reports. The counterpart of
// FiberCore::waits_for.
//
// A record is never freed, so anybody may read all of them at any time. A thread takes one at its
// first wait and gives it back at its end.
#ifndef UMCG_RUNTIME_WAITING_THREAD_RECORD_H_
#define UMCG_RUNTIME_WAITING_THREAD_RECORD_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace umcg::inline v0::internal {

struct ThreadRecord {
  std::atomic<std::uintptr_t> token{0};  // of the thread (thread_state.h); 0: the record is free
  std::atomic<pid_t> tid{0};
  std::atomic<std::uint64_t> waits_for{0};  // a WaitRecord
  ThreadRecord* next = nullptr;             // constant once others can find it
};

// For the calling thread. Null: no memory.
ThreadRecord* take_thread_record(std::uintptr_t token) noexcept;
void give_back(ThreadRecord& record) noexcept;

// The first of all records, free ones too.
ThreadRecord* first_thread_record() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_THREAD_RECORD_H_
