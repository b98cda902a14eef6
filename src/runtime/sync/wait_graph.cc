// SPDX-License-Identifier: Apache-2.0
// wait_graph.cc - finds circles of waits from what each fiber and thread shows of its wait.
//
// A knot is a fiber or a thread, known by its token (thread_state.h). It waits for one thing, so at
// most one edge leaves it: a mutex leads to its owner, a shared mutex to its writer, a once flag to
// the one who runs the function, a join to the fiber. Readers of a shared mutex are not recorded;
// semaphores, events, channels and the like have no owner: there the walk ends. So it does at a
// wait with a deadline, which ends by itself. Following edges from each waiting fiber and thread,
// and marking what was seen, finds each circle once.
//
// The race that matters: the graph changes while we walk. Nobody is stopped; instead each step is
// checked. A WaitRecord has a sequence. Read the record, read the object's owner, read the record
// again: the same word means one and the same wait all the while, so the object was alive when we
// looked at it. If it was not, the look was at memory that may be anything or nothing, hence
// peek(), which the kernel does for us and which fails instead of faulting; what it gave is thrown
// away. A circle is believed when a second walk around it finds every record and every edge as the
// first did. Each wait has then lasted from before the end of the first walk, at which moment all
// of them were waiting at once, and for each other. Who waits gives nothing back, so the owners
// have not changed in between. (The sequence wraps after 4096 waits: a false report takes exactly
// that many between two looks.)
//
// Who is handed a lock owns it before it runs again, and still shows the wait: an edge to oneself
// is that, and no deadlock. (To lock what one holds aborts, if nothing could end it.)
//
// Rejected: to stop the world (nothing else here needs it); to keep edges up to date at each lock
// (a store per uncontended lock); to look on a path that locks (the runtime has idle time exactly
// when there is a deadlock).
#include "runtime/sync/wait_graph.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <unordered_map>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/runtime_core.h"
#include "runtime/sync/thread_record.h"
#include "runtime/sync/wait_reason.h"

namespace umcg::inline v0::internal {
namespace {

using Token = std::uintptr_t;

// Flag bits of the words that name an owner (mutex.cc, shared_mutex.cc).
constexpr Token kWaitingBit = 1;
constexpr Token kReadersBit = 4;

// Copies n bytes from memory that may not be there any more.
bool peek(const void* from, void* to, std::size_t n) noexcept {
  const iovec local{to, n};
  const iovec remote{const_cast<void*>(from), n};
  return ::syscall(SYS_process_vm_readv, ::getpid(), &local, 1UL, &remote, 1UL, 0UL) ==
         static_cast<long>(n);
}
template <class T>
bool peek(const std::atomic<T>* from, T& to) noexcept {
  static_assert(sizeof(std::atomic<T>) == sizeof(T));
  return peek(static_cast<const void*>(from), &to, sizeof(T));
}

bool is_thread(Token token) noexcept { return (token & kThreadToken) != 0; }
const FiberCore* fiber_of(Token token) noexcept {
  return reinterpret_cast<const FiberCore*>(token);
}

const ThreadRecord* record_of(Token token) noexcept {
  const ThreadRecord* r = first_thread_record();
  while (r != nullptr && r->token.load(std::memory_order_acquire) != token) r = r->next;
  return r;
}

// What a fiber or thread waits for; nothing, if it is not there any more.
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

// Who could end that wait, if it is one and alive; else 0. The caller checks the wait afterwards.
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

struct Step {
  Token from = 0;
  WaitRecord wait;
  Token to = 0;  // 0: the walk ends here
  friend bool operator==(const Step&, const Step&) = default;
};

Step step_from(Token token) noexcept {
  const WaitRecord wait = wait_of(token);
  if (wait.is_bounded()) return {token, wait, 0};
  const Token owner = owner_in(wait);
  const bool is_edge = owner != 0 && owner != token && wait_of(token) == wait;
  return {token, wait, is_edge ? owner : 0};
}

using Circle = std::vector<Step>;

// Adds the circles to which the walk from `start` leads, unless another walk was there before.
void walk(Token start, std::unordered_map<Token, Token>& seen, std::vector<Circle>& circles) {
  Circle path;
  Token at = start;
  while (at != 0 && seen.emplace(at, start).second) {
    path.push_back(step_from(at));
    at = path.back().to;
  }
  if (at == 0 || seen[at] != start) return;
  path.erase(path.begin(),
             std::find_if(path.begin(), path.end(), [&](const Step& s) { return s.from == at; }));
  if (std::all_of(path.begin(), path.end(), [](const Step& s) { return step_from(s.from) == s; })) {
    circles.push_back(std::move(path));
  }
}

// "fiber 12 "name"" or "thread 4711".
struct Name {
  char text[112];
};
Name name_of(Token token) noexcept {
  Name to;
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

void print(const Circle& circle) noexcept {
  warn("found a deadlock of %zu:", circle.size());
  for (const Step& s : circle) {
    const Name from = name_of(s.from);
    const Name to = name_of(s.to);
    if (s.wait.reason() == WaitReason::kJoin) {
      warn("  %s waits for the end of %s", from.text, to.text);
    } else {
      warn("  %s %s, which %s has", from.text, describe(s.wait).text, to.text);
    }
  }
}

bool a_thread_waits() noexcept {
  for (const ThreadRecord* r = first_thread_record(); r != nullptr; r = r->next) {
    const WaitRecord wait(r->waits_for.load(std::memory_order_relaxed));
    if (r->token.load(std::memory_order_relaxed) != 0 && wait.reason() != WaitReason::kNone) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::size_t report_deadlocks(RuntimeCore& rt) {
  std::unordered_map<Token, Token> seen;
  std::vector<Circle> circles;
  rt.fibers().for_each([&](const FiberCore& f) {
    const WaitRecord wait(f.waits_for.load(std::memory_order_relaxed));
    if (wait.reason() != WaitReason::kNone) {
      walk(reinterpret_cast<Token>(&f), seen, circles);
    }
  });
  for (const ThreadRecord* r = first_thread_record(); r != nullptr; r = r->next) {
    if (const Token token = r->token.load(std::memory_order_acquire); token != 0) {
      walk(token, seen, circles);
    }
  }
  for (const Circle& circle : circles) print(circle);
  return circles.size();
}

void report_deadlocks_if_stuck(RuntimeCore& rt) noexcept {
  constexpr std::uint64_t kTooManyToLookAt = 65'536;
  if (rt.has_reported_deadlock() || rt.has_queued_work() || rt.earliest_deadline() != kNeverNs) {
    return;
  }
  for (const Server& s : rt.servers()) {
    if (!rt.idle().is_idle(s.index)) return;
  }
  const std::uint64_t live = rt.live_fibers();
  if (live == 0 || live > kTooManyToLookAt || !a_thread_waits()) return;
  try {
    if (report_deadlocks(rt) != 0) rt.note_reported_deadlock();
  } catch (const std::exception&) {
    // No memory: there are worse troubles than ours.
  }
}

}  // namespace umcg::inline v0::internal
