// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/observer.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "runtime/base/clock.h"
#include "runtime/base/peek.h"
#include "runtime/debug/fiber_report.h"
#include "runtime/debug/thread_view.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::int64_t kBetweenReports = 1'000'000'000;

}  // namespace

Observer::Observer(RuntimeCore& rt)
    : rt_(rt),
      threshold_(std::chrono::nanoseconds(rt.options().report_hogs_after).count()),
      ids_(std::make_unique<Ids[]>(rt.servers().size())),
      counter_(RuntimeCore::ids_given()) {
  if (threshold_ == 0) return;
  (void)prepare_to_ask();
  report_ = std::make_unique<FiberReport>(write_to_fd, STDERR_FILENO, true);
}

Observer::~Observer() = default;

bool Observer::must_watch() const noexcept {
  if (threshold_ == 0) return false;
  for (const Server& s : rt_.servers()) {
    if (!rt_.idle().is_idle(s.index)) return true;
  }
  return false;
}

void Observer::look(std::int64_t now) {
  if (now - last_look_ >= kPeriod) look_now(now);
}

void Observer::look_now(std::int64_t now) {
  note_births(now);
  note_turns(now);
  last_look_ = now;
}

void Observer::note_births(std::int64_t now) {
  const std::uint64_t counter = RuntimeCore::ids_given();
  if (counter != counter_) births_.note_counter({counter_, counter, counter, last_look_, now});
  counter_ = counter;
  for (const Server& s : rt_.servers()) {
    Ids& seen = ids_[s.index];
    // Plain variables of the holder's, which may be just about to take a new block.
    const Ids ids{glance(&s.next_id), glance(&s.end_of_ids)};
    if (ids.next == seen.next || ids.next > ids.end_of_block ||
        ids.end_of_block - ids.next > RuntimeCore::kIdBlock) {
      continue;
    }
    const std::uint64_t start = ids.end_of_block - RuntimeCore::kIdBlock;
    const bool same_block = ids.end_of_block == seen.end_of_block;
    if (!same_block && seen.next != seen.end_of_block) {
      births_.note_block({seen.next, seen.end_of_block, seen.end_of_block, last_look_, now});
    }
    const std::uint64_t first = same_block ? seen.next : start;
    births_.note_block({first, ids.next, ids.end_of_block, last_look_, now});
    seen = ids;
  }
}

void Observer::note_turns(std::int64_t now) {
  ++looks_;
  WorkerPool& pool = rt_.workers();
  for (const Server& s : rt_.servers()) {
    const std::uint64_t word = s.word->load(std::memory_order_acquire);
    if (word == 0) continue;
    WorkerTurn& turn = pool.at(worker_of(word)).turn;
    turn.look = looks_;
    turn.tick_now = s.tick.load(std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < pool.count(); ++i) note_turn(pool.at(i), now);
}

void Observer::note_turn(Worker& w, std::int64_t now) {
  WorkerTurn& turn = w.turn;
  const FiberCore* const f = w.current.look();
  const std::uint64_t id = f != nullptr ? f->id_now() : 0;
  // A worker without a server stays with the fiber that it has.
  const bool new_tick = turn.look == looks_ && turn.tick_now != turn.tick;
  if (id != turn.fiber.get() || new_tick) {
    turn.fiber.set(id);
    turn.since.set(now);
    if (turn.look == looks_) turn.tick = turn.tick_now;
    turn.reported = false;
    if (threshold_ != 0) turn.cpu_since = clock_ns(w.cpu_clock);
    return;
  }
  if (id == 0 || threshold_ == 0 || turn.reported || now - turn.since.get() < threshold_) return;
  // It may have spent the time in the kernel, asleep.
  if (clock_ns(w.cpu_clock) - turn.cpu_since < threshold_) return;
  turn.reported = true;
  if (now - last_report_ < kBetweenReports) {
    ++not_reported_;
    return;
  }
  last_report_ = now;
  report_hog(w, now);
}

void Observer::report_hog(Worker& w, std::int64_t now) {
  const FiberCore* const f = w.current.look();
  if (f == nullptr) return;
  char title[128];
  const int n = std::snprintf(title, sizeof title, "has kept its thread computing for %lld ms",
                              static_cast<long long>((now - w.turn.since.get()) / 1'000'000));
  if (not_reported_ != 0) {
    std::snprintf(title + n, sizeof title - static_cast<std::size_t>(n),
                  " (%u other hogs were not reported)", not_reported_);
    not_reported_ = 0;
  }
  report_->write_hog(*f, title);
}

}  // namespace umcg::inline v0::internal
