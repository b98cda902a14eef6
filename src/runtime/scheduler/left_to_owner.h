// SPDX-License-Identifier: Apache-2.0
// left_to_owner.h - LeftToOwner: what a searcher leaves in a server's queues, since that one will
// get to it soon.
//
// A fiber that was woken is cheapest where it was woken: there are the lock it will take, the
// message it waits for and the stacks of those it talks to. To bring it to another CPU takes
// microseconds of cache misses on both. So it is left where it stands if its server goes round its
// whole queue within kSoon: the searcher notes where the queue ends, and takes from it only what
// still stands there after that time. Taken at once, half of 16 fibers that an event or a latch
// wakes cross over each time, meet at the same lines of memory, and come back: four to eight times
// the time that one CPU takes.
//
// A new fiber may be the root of a tree, and has nothing here yet. Two are reason enough to take
// one. One that stands alone is most often about to be joined: it is taken if it still stands there
// after kMoment.
//
// To look at a queue costs its owner a cache miss or two, at its next push or pop. So one that has
// changed since the last look is looked at again after those times, not before.
//
// All this only for one search. Its last look takes whatever there is: else fibers that do nothing
// but yield would never part, however many servers they had.
#ifndef UMCG_RUNTIME_SCHEDULER_LEFT_TO_OWNER_H_
#define UMCG_RUNTIME_SCHEDULER_LEFT_TO_OWNER_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/scheduler/server.h"

namespace umcg::inline v0::internal {

class LeftToOwner {
 public:
  static constexpr std::int64_t kSoon = 2'000;
  static constexpr std::int64_t kMoment = 700;

  // Relaxed: a guess. The steal itself finds out whether there is anything.
  bool may_steal_from(const Server& s, std::int64_t now) noexcept {
    Note& note = notes_[s.index % notes_.size()];
    if (note.server != &s) {
      if (now - std::max(note.new_at, note.woken_at) < kSoon) return false;
      note = empty_so_far(s);
    }
    return may_take_new(s, note, now) || may_take_woken(s, note, now);
  }

  // Whether fibers come and go.
  bool has_changed_lately(std::int64_t now) const noexcept { return now - changed_at_ < kSoon; }

 private:
  struct Note {
    const Server* server = nullptr;
    std::int64_t oldest_new = 0;
    std::int64_t new_ones = 0;
    std::int64_t new_at = 0;  // when these changed last, as far as was seen
    std::uint32_t oldest_woken = 0;
    std::uint32_t end_of_woken = 0;
    std::int64_t woken_at = 0;
  };

  // What stands there already counts as a change, an empty queue does not.
  static Note empty_so_far(const Server& s) noexcept {
    const std::uint32_t woken = s.ready.oldest_end().load(std::memory_order_relaxed);
    return {
        .server = &s, .oldest_new = s.fresh.oldest(), .oldest_woken = woken, .end_of_woken = woken};
  }

  bool may_take_new(const Server& s, Note& note, std::int64_t now) noexcept {
    if (now - note.new_at < kMoment) return false;
    const std::int64_t oldest = s.fresh.oldest();
    const std::int64_t size = s.fresh.newest_end().load(std::memory_order_relaxed) - oldest;
    if (size > 1) return true;
    if (oldest == note.oldest_new && size == note.new_ones) return size == 1;
    note.oldest_new = oldest;
    note.new_ones = size;
    note.new_at = changed_at_ = now;
    return false;
  }

  bool may_take_woken(const Server& s, Note& note, std::int64_t now) noexcept {
    if (now - note.woken_at < kSoon) return false;
    const std::uint32_t oldest = s.ready.oldest_end().load(std::memory_order_relaxed);
    const std::uint32_t end = s.ready.newest_end().load(std::memory_order_relaxed);
    if (static_cast<std::int32_t>(note.end_of_woken - oldest) > 0) return true;
    if (oldest == note.oldest_woken && end == note.end_of_woken) return false;
    note.oldest_woken = oldest;
    note.end_of_woken = end;
    note.woken_at = changed_at_ = now;
    return false;
  }

  // With more servers than this some share a note, and must wait for each other's time.
  std::array<Note, 16> notes_{};
  std::int64_t changed_at_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_LEFT_TO_OWNER_H_
