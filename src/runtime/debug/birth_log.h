// SPDX-License-Identifier: Apache-2.0
// birth_log.h - BirthLog: when the fiber of an id was started, at no cost to spawn().
//
// A clock read for each spawn would cost as much as the rest of it. But ids are numbered: each
// server takes a block of them from the process's counter and gives them out in order. So the
// monitor notes now and then how far each has come, and an id tells in which period it was given.
// The notes are spans: "ids from..to, given between then and then". There is room for kSpans of
// each kind; when it is used up, two neighbours become one, those where that blurs least in
// proportion to their age. Where a server's span had to go, the span of the process's counter in
// which the block was taken stands in: the fiber then seems older than it is, by at most the time
// for which its server used that block of 65,536.
//
// One writer, the monitor. Readers check a version, as of a seqlock, and go without an answer if
// they meet the writer at work.
#ifndef UMCG_RUNTIME_DEBUG_BIRTH_LOG_H_
#define UMCG_RUNTIME_DEBUG_BIRTH_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/relaxed.h"

namespace umcg::inline v0::internal {

class BirthLog {
 public:
  // [first, last) were given since `begin`, and by `end`.
  struct Note {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t end_of_block = 0;  // more of it may follow
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  // The monitor's.
  void note_block(const Note& note) noexcept { add(blocks_, note); }
  void note_counter(const Note& note) noexcept { add(counter_, note); }

  // By when the id had been given; 0 if that is not known (yet). Any thread; safe in a signal
  // handler.
  std::int64_t born_by(std::uint64_t id) const noexcept;

 private:
  static constexpr std::size_t kSpans = 128;
  struct Span {
    Relaxed<std::uint64_t> first;
    Relaxed<std::uint64_t> last;
    Relaxed<std::uint64_t> end_of_block;
    Relaxed<std::int64_t> begin;
    Relaxed<std::int64_t> end;

    Note get() const noexcept;
    void set(const Note& note) noexcept;
  };
  // Disjoint, in the order of ids.
  struct Table {
    Span spans[kSpans];
    Relaxed<std::size_t> count;

    void add(const Note& note) noexcept;
    void make_room(std::int64_t now) noexcept;
    void remove(std::size_t at) noexcept;
    // How many spans begin at or before the id: it can only be in the last of them.
    std::size_t up_to(std::uint64_t id) const noexcept;
  };
  void add(Table& table, const Note& note) noexcept;
  std::int64_t search(std::uint64_t id) const noexcept;

  std::atomic<std::uint32_t> version_{0};  // odd while the writer is at work
  Table blocks_;
  Table counter_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_BIRTH_LOG_H_
