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
#include "runtime/waiting/wait_graph.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <unordered_map>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/report.h"
#include "runtime/runtime_core.h"
#include "runtime/waiting/thread_record.h"
#include "runtime/waiting/wait_owner.h"
#include "runtime/waiting/wait_reason.h"

namespace umcg::inline v0::internal {
namespace {

struct Step {
  Token from = 0;
  WaitRecord wait;
  Token to = 0;  // 0: the walk ends here
  friend bool operator==(const Step&, const Step&) = default;
};

Step step_from(Token token) noexcept {
  const WaitRecord wait = wait_of(token);
  if (!may_have_owner(wait)) return {token, wait, 0};
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

void print(const Circle& circle) noexcept {
  warn("found a deadlock of %zu:", circle.size());
  for (const Step& s : circle) {
    const TokenText from = describe(s.from);
    const TokenText to = describe(s.to);
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
    const bool waits = wait.reason() != WaitReason::kNone && wait.reason() != WaitReason::kSleep;
    if (waits && r->token.load(std::memory_order_relaxed) != 0) {
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
    if (may_have_owner(wait)) walk(reinterpret_cast<Token>(&f), seen, circles);
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
  if (!rt.idle().all()) return;
  const std::uint64_t live = rt.live_fibers();
  if (live == 0 || live > kTooManyToLookAt || !a_thread_waits()) return;
  try {
    if (report_deadlocks(rt) != 0) rt.note_reported_deadlock();
  } catch (const std::exception&) {
    // No memory: there are worse troubles than ours.
  }
}

}  // namespace umcg::inline v0::internal
