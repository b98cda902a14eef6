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
      if (now - std::max(note.fresh.changed_at, note.woken.changed_at) < kSoon) return false;
      note = empty_so_far(s);
    }
    return may_take_new(s, note.fresh, now) || may_take_woken(s, note.woken, now);
  }

  // Whether fibers come and go.
  bool has_changed_lately(std::int64_t now) const noexcept { return now - changed_at_ < kSoon; }

 private:
  // Of a queue, at the last look. Those of new fibers are counted in 64 bits; the low half will do.
  struct Ends {
    std::uint32_t oldest = 0;
    std::uint32_t newest = 0;
    std::int64_t changed_at = 0;  // as far as was seen
  };
  struct Note {
    const Server* server = nullptr;
    Ends fresh;
    Ends woken;
  };

  // What stands there already counts as a change, an empty queue does not.
  static Note empty_so_far(const Server& s) noexcept {
    const auto fresh = static_cast<std::uint32_t>(s.fresh.oldest());
    const std::uint32_t woken = s.ready.oldest_end().load(std::memory_order_relaxed);
    return {.server = &s,
            .fresh = {.oldest = fresh, .newest = fresh},
            .woken = {.oldest = woken, .newest = woken}};
  }

  // Notes it.
  bool has_changed(Ends& seen, std::uint32_t oldest, std::uint32_t newest,
                   std::int64_t now) noexcept {
    if (oldest == seen.oldest && newest == seen.newest) return false;
    seen = {.oldest = oldest, .newest = newest, .changed_at = changed_at_ = now};
    return true;
  }

  bool may_take_new(const Server& s, Ends& seen, std::int64_t now) noexcept {
    if (now - seen.changed_at < kMoment) return false;
    const std::int64_t oldest = s.fresh.oldest();
    const std::int64_t newest = s.fresh.newest_end().load(std::memory_order_relaxed);
    if (newest - oldest > 1) return true;
    return !has_changed(seen, static_cast<std::uint32_t>(oldest),
                        static_cast<std::uint32_t>(newest), now) &&
           newest - oldest == 1;
  }

  bool may_take_woken(const Server& s, Ends& seen, std::int64_t now) noexcept {
    if (now - seen.changed_at < kSoon) return false;
    const std::uint32_t oldest = s.ready.oldest_end().load(std::memory_order_relaxed);
    const std::uint32_t newest = s.ready.newest_end().load(std::memory_order_relaxed);
    if (static_cast<std::int32_t>(seen.newest - oldest) > 0) return true;
    (void)has_changed(seen, oldest, newest, now);
    return false;
  }

  // With more servers than this some share a note, and must wait for each other's time.
  std::array<Note, 16> notes_{};
  std::int64_t changed_at_ = 0;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_SCHEDULER_LEFT_TO_OWNER_H_
