// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/birth_log.h"

namespace umcg::inline v0::internal {

BirthLog::Note BirthLog::Span::get() const noexcept {
  return {first.get(), last.get(), end_of_block.get(), begin.get(), end.get()};
}

void BirthLog::Span::set(const Note& note) noexcept {
  first.set(note.first);
  last.set(note.last);
  end_of_block.set(note.end_of_block);
  begin.set(note.begin);
  end.set(note.end);
}

void BirthLog::Table::remove(std::size_t at) noexcept {
  const std::size_t n = count.get() - 1;
  for (std::size_t i = at; i < n; ++i) spans[i].set(spans[i + 1].get());
  count.set(n);
}

void BirthLog::Table::make_room(std::int64_t now) noexcept {
  std::size_t neighbours = kSpans;  // the first of the two to be made one
  double least_blur = 0;
  std::size_t shortest = 0;
  for (std::size_t i = 0; i < count.get(); ++i) {
    const Note note = spans[i].get();
    const Note best = spans[shortest].get();
    if (note.end - note.begin < best.end - best.begin) shortest = i;
    if (i + 1 == count.get()) break;
    const Note next = spans[i + 1].get();
    if (note.last != next.first) continue;
    const double blur =
        static_cast<double>(next.end - note.begin) / static_cast<double>(now - next.end + 1);
    if (neighbours == kSpans || blur < least_blur) {
      neighbours = i;
      least_blur = blur;
    }
  }
  if (neighbours == kSpans) {  // blocks that were used up at once: the shortest says the least
    remove(shortest);
    return;
  }
  Note both = spans[neighbours + 1].get();
  both.first = spans[neighbours].first.get();
  both.begin = spans[neighbours].begin.get();
  spans[neighbours].set(both);
  remove(neighbours + 1);
}

void BirthLog::Table::add(const Note& note) noexcept {
  if (count.get() == kSpans) make_room(note.end);
  std::size_t at = count.get();
  count.set(at + 1);
  for (; at > 0 && spans[at - 1].first.get() > note.first; --at) spans[at].set(spans[at - 1].get());
  spans[at].set(note);
}

std::size_t BirthLog::Table::up_to(std::uint64_t id) const noexcept {
  std::size_t low = 0;
  std::size_t high = count.get();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (spans[middle].first.get() <= id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void BirthLog::add(Table& table, const Note& note) noexcept {
  const std::uint32_t version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence of born_by()
  table.add(note);
  version_.store(version + 2, std::memory_order_release);  // pairs with its acquire load
}

std::int64_t BirthLog::search(std::uint64_t id) const noexcept {
  if (const std::size_t n = blocks_.up_to(id); n != 0) {
    const Note note = blocks_.spans[n - 1].get();
    if (id < note.last) return note.end;
    // Of a block that a server is still using, and given since the last note of it.
    if (id < note.end_of_block) return 0;
  }
  const std::size_t n = counter_.up_to(id);
  if (n == 0) return 0;
  const Note note = counter_.spans[n - 1].get();
  return id < note.last ? note.end : 0;
}

std::int64_t BirthLog::born_by(std::uint64_t id) const noexcept {
  constexpr int kTries = 4;
  for (int i = 0; i < kTries; ++i) {
    const std::uint32_t version = version_.load(std::memory_order_acquire);
    if (version % 2 != 0) continue;
    const std::int64_t found = search(id);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) == version) return found;
  }
  return 0;
}

}  // namespace umcg::inline v0::internal
