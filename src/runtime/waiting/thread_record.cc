// SPDX-License-Identifier: Apache-2.0
#include "runtime/waiting/thread_record.h"

#include <unistd.h>

#include <new>

namespace umcg::inline v0::internal {
namespace {

constinit std::atomic<ThreadRecord*> g_first{nullptr};

ThreadRecord* reuse(std::uintptr_t token) noexcept {
  for (ThreadRecord* r = first_thread_record(); r != nullptr; r = r->next) {
    std::uintptr_t free = 0;
    if (r->token.compare_exchange_strong(free, token, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      return r;
    }
  }
  return nullptr;
}

}  // namespace

ThreadRecord* first_thread_record() noexcept {
  // Acquire pairs with the release of a new record.
  return g_first.load(std::memory_order_acquire);
}

ThreadRecord* take_thread_record(std::uintptr_t token) noexcept {
  ThreadRecord* record = reuse(token);
  if (record == nullptr) {
    record = new (std::nothrow) ThreadRecord;
    if (record == nullptr) return nullptr;
    record->token.store(token, std::memory_order_relaxed);
    record->next = g_first.load(std::memory_order_relaxed);
    while (!g_first.compare_exchange_weak(record->next, record, std::memory_order_release,
                                          std::memory_order_relaxed)) {
    }
  }
  record->tid.store(::gettid(), std::memory_order_relaxed);
  return record;
}

void give_back(ThreadRecord& record) noexcept { record.token.store(0, std::memory_order_release); }

}  // namespace umcg::inline v0::internal
