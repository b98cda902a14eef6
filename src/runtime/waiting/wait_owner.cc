// SPDX-License-Identifier: Apache-2.0
#include "runtime/waiting/wait_owner.h"

#include <cstdio>

#include "runtime/base/peek.h"
#include "runtime/context/thread_state.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/waiting/thread_record.h"

namespace umcg::inline v0::internal {
namespace {

// Flag bits of the words that name an owner (mutex.cc, shared_mutex.cc).
constexpr Token kWaitingBit = 1;
constexpr Token kReadersBit = 4;

bool is_thread(Token token) noexcept { return (token & kThreadToken) != 0; }
const FiberCore* fiber_of(Token token) noexcept {
  return reinterpret_cast<const FiberCore*>(token);
}

const ThreadRecord* record_of(Token token) noexcept {
  const ThreadRecord* r = first_thread_record();
  while (r != nullptr && r->token.load(std::memory_order_acquire) != token) r = r->next;
  return r;
}

}  // namespace

WaitRecord wait_of(Token token) noexcept {
  std::uint64_t word = 0;
  if (is_thread(token)) {
    if (const ThreadRecord* const r = record_of(token)) {
      word = r->waits_for.load(std::memory_order_acquire);
    }
  } else if (!peek(&fiber_of(token)->waits_for, word)) {
    word = 0;
  }
  return WaitRecord(word);
}

bool may_have_owner(WaitRecord wait) noexcept {
  const WaitReason r = wait.reason();
  return !wait.is_bounded() && (r == WaitReason::kMutex || r == WaitReason::kOnce ||
                                r == WaitReason::kSharedMutex || r == WaitReason::kJoin);
}

Token owner_in(WaitRecord wait) noexcept {
  Token word = 0;
  switch (wait.reason()) {
    case WaitReason::kMutex:
    case WaitReason::kOnce:
      return peek(wait.object(), &word, sizeof word) ? word & ~kWaitingBit : 0;
    case WaitReason::kSharedMutex:
      return peek(wait.object(), &word, sizeof word) && (word & kReadersBit) == 0
                 ? word & ~kWaitingBit
                 : 0;
    case WaitReason::kJoin: {
      const auto* const f = static_cast<const FiberCore*>(wait.object());
      return peek(&f->done.word, word) && (word & kDone) == 0 ? reinterpret_cast<Token>(f) : 0;
    }
    default:
      return 0;
  }
}

TokenText describe(Token token) noexcept {
  TokenText to;
  if (is_thread(token)) {
    const ThreadRecord* const r = record_of(token);
    std::snprintf(to.text, sizeof to.text, "thread %ld",
                  r != nullptr ? static_cast<long>(r->tid.load(std::memory_order_relaxed)) : 0L);
    return to;
  }
  std::uint64_t id = 0;
  const char* name = nullptr;
  char copy[64] = "";
  (void)peek(&fiber_of(token)->id, id);
  (void)peek(&fiber_of(token)->name, name);
  for (std::size_t i = 0; name != nullptr && i + 1 < sizeof copy; ++i) {
    if (!peek(name + i, copy + i, 1) || copy[i] == '\0') break;
    copy[i + 1] = '\0';
  }
  std::snprintf(to.text, sizeof to.text, "fiber %llu \"%s\"", static_cast<unsigned long long>(id),
                copy);
  return to;
}

}  // namespace umcg::inline v0::internal
