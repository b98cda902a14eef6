// SPDX-License-Identifier: Apache-2.0
// state_ = 0 (free), or the writer's token, or kShared + kOneReader * readers; + kWaiting.
//
// Who writes: a newcomer by CAS, from a free state, or (a reader) from "readers, nobody waits". The
// owner by CAS to free or to one reader less, unless that is the last one and somebody waits:
// then, under the queue's lock, it chooses who is next. kWaiting is set by a waiter under the
// queue's lock by CAS against a word that still names an owner, as in mutex.cc, and cleared under
// it. While kWaiting is set, nobody but the holder of the queue's lock can let anybody in, except
// into a free lock.
//
// Order of the queue: writers that have lost, readers, writers. So all readers stand together, and
// the first writer is found by passing over readers who will be let in right after it.
//
// Who is next. After a writer: all readers that wait, at once; else a writer. After the last
// reader: a writer, else all readers. They are woken to try, and the lock is free meanwhile. Were
// it handed over, it would be held by some who are only ready: those who run would find it held,
// park at each lock, and be handed it just as late (a convoy). Who was woken competes with
// newcomers; if it loses, it goes to the head of its kind, and while one who has lost waits the
// lock is handed over, to the same ones. Readers that were woken join the readers inside even if
// somebody waits, for those who have waited together are to read together.
//
// Hence the bounds, in phases: of a writer, or of readers together. Newcomers pass those who wait
// only into a free lock, from a wake-up until the woken one tries; it loses once at most. A reader
// is woken at the end of the first writer phase that it sees, can lose only to a writer, and is in
// after that. A writer is woken after those before it; if it loses, it is in after the phase that
// it lost to, one of readers, and other writers that have lost. A phase of readers is joined, while
// somebody waits, only by those who were woken before.
//
// The race that matters: a writer gives up (timeout, stop) for whom readers were held back. It
// leaves under the queue's lock, and if no writer is left there while others read, it lets the
// waiting readers in. Were the lock free with waiters, somebody has been woken to try and will pass
// it on.
//
// Rejected: two queues (two locks to take at each hand-over); strict order of arrival (a convoy of
// writers, and readers between two writers one by one); newcomers that join readers though somebody
// waits, so many of them and no more (no faster, and a count in the word).
//
// Orders: a lock is acquire, an unlock release. The last reader's unlock stores with the readers
// before it in mind: it has read their unlocks by an acquire load. Model:
// tests/models/shared_mutex.pml.
#include "umcg/shared_mutex.h"

#include "runtime/base/exit_state.h"
#include "runtime/base/report.h"
#include "runtime/scheduler/worker.h"
#include "runtime/sync/take_soon.h"
#include "runtime/waiting/wait_queue.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::uintptr_t kWaiting = 1;
constexpr std::uintptr_t kShared = 4;  // zero in every token
constexpr std::uintptr_t kOneReader = 8;
constexpr std::uintptr_t kLastReader = kShared + kOneReader;

// 16 fibers, two CPUs: 14 ns per lock of a reader with a constant wait, 27 with a growing one.
constexpr unsigned kMostPauses = 16;

using State = std::atomic<std::uintptr_t>;

// WaitNode::amount. One that was woken has lost, unless it gets the lock then.
enum Kind : std::int64_t { kReader, kWriter, kLostReader, kLostWriter };

bool is_reader(std::int64_t kind) noexcept { return kind == kReader || kind == kLostReader; }
bool has_lost(std::int64_t kind) noexcept { return kind == kLostReader || kind == kLostWriter; }

// --- the word ---

bool is_free(std::uintptr_t seen) noexcept { return (seen & ~kWaiting) == 0; }
bool admits(std::uintptr_t seen, Kind kind) noexcept {
  return is_free(seen) || (is_reader(kind) && (seen & (kShared | kWaiting)) == kShared);
}
// A reader that was woken may join those inside whoever waits. Under the queue's lock, so that who
// passes the lock on can rely on being alone.
bool admits_under_lock(std::uintptr_t seen, Kind kind) noexcept {
  return admits(seen, kind) || (kind == kLostReader && (seen & kShared) != 0);
}
std::uintptr_t taken(std::uintptr_t seen, Kind kind, std::uintptr_t token) noexcept {
  return is_reader(kind) ? (seen | kShared) + kOneReader : seen | token;
}

// False: the state as seen does not admit one of that kind, or another was faster, and then `seen`
// is a new look.
// Inlined, with a constant kind where it matters.
[[gnu::always_inline]] inline bool take_once(State& state, WaitQueue& queue, Kind kind,
                                             std::uintptr_t& seen) noexcept {
  const std::uintptr_t token = is_reader(kind) ? 0 : current_token();
  // Acquire pairs with the release of both unlocks.
  if (!admits(seen, kind) ||
      !state.compare_exchange_strong(seen, taken(seen, kind, token), std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
    return false;
  }
  settle_giver(queue);
  return true;
}

// After take_once() has failed.
bool go_on_trying(State& state, WaitQueue& queue, Kind kind, std::uintptr_t seen) noexcept {
  for (LetOthers others(kMostPauses); admits(seen, kind);) {
    others.wait();
    seen = state.load(std::memory_order_relaxed);
    if (take_once(state, queue, kind, seen)) return true;
  }
  return false;
}

bool try_take(State& state, WaitQueue& queue, Kind kind) noexcept {
  std::uintptr_t seen = state.load(std::memory_order_relaxed);
  return take_once(state, queue, kind, seen) || go_on_trying(state, queue, kind, seen);
}

[[gnu::noinline]] bool take_soon(State& state, WaitQueue& queue, Kind kind) noexcept {
  const std::uintptr_t token = current_token();
  const auto writer = [](std::uintptr_t seen) {
    return (seen & kShared) == 0 ? seen & ~kWaiting : 0;
  };
  const std::uintptr_t now = state.load(std::memory_order_relaxed);
  const bool taken_now = internal::take_soon(writer(now), [&](std::uintptr_t& holder) {
    std::uintptr_t seen = state.load(std::memory_order_relaxed);
    holder = writer(seen);
    if (!admits(seen, kind)) {
      // Readers are inside, and somebody waits: who may join is seen to under the queue's lock.
      return is_reader(kind) && (seen & kShared) != 0 ? Try::kMustWait : Try::kHeld;
    }
    // Acquire pairs with the release of both unlocks.
    const bool can = state.compare_exchange_strong(
        seen, taken(seen, kind, token), std::memory_order_acquire, std::memory_order_relaxed);
    return can ? Try::kTaken : Try::kHeld;
  });
  if (taken_now) settle_giver(queue);
  return taken_now;
}

// Takes the lock if it is to be had, else makes sure that kWaiting is set. Under the queue's lock.
bool take_or_announce(State& state, Kind kind, std::uintptr_t token) noexcept {
  std::uintptr_t seen = state.load(std::memory_order_relaxed);
  for (;;) {
    const bool can = admits_under_lock(seen, kind);
    if (!can && (seen & kWaiting) != 0) return false;
    if (state.compare_exchange_weak(seen, can ? taken(seen, kind, token) : seen | kWaiting,
                                    std::memory_order_acquire, std::memory_order_relaxed)) {
      return can;
    }
  }
}

// --- the queue, under its lock ---

// The first node from the head on that is not passed over; null if all are.
WaitNode* first_past(const QueueLock& lock, auto passes_over) noexcept {
  WaitNode* const head = lock.head();
  WaitNode* node = head;
  while (node != nullptr && passes_over(node->amount)) {
    node = node->next;
    if (node == head) return nullptr;
  }
  return node;
}
WaitNode* first_past_lost_writers(const QueueLock& lock) noexcept {
  return first_past(lock, [](std::int64_t kind) { return kind == kLostWriter; });
}
WaitNode* first_writer(const QueueLock& lock) noexcept { return first_past(lock, is_reader); }

void insert(QueueLock& lock, WaitNode& node) noexcept {
  WaitNode* const later = is_reader(node.amount) ? first_past_lost_writers(lock) : nullptr;
  // So that one look at the head tells whether anybody has lost.
  if (later != nullptr && later->amount == kLostReader) node.amount = kLostReader;
  if (node.amount == kLostWriter || (later != nullptr && later == lock.head())) {
    lock.push_front(node);
  } else if (later != nullptr) {
    insert_before(node, *later);
  } else {
    lock.push_back(node);
  }
}

// Claims all readers. Returns what they add to the word if they are granted the lock.
std::uintptr_t claim_readers(QueueLock& lock, Wakeups& wakeups, Outcome code) noexcept {
  std::uintptr_t readers = 0;
  for (;;) {
    WaitNode* const node = first_past_lost_writers(lock);
    if (node == nullptr || !is_reader(node->amount)) break;
    lock.remove(*node);
    if (wakeups.claim(*node, code)) readers += kOneReader;
  }
  return readers;
}

// Claims a writer. Returns its token, or 0 if none waits.
std::uintptr_t claim_writer(QueueLock& lock, Wakeups& wakeups, Outcome code) noexcept {
  while (WaitNode* const node = first_writer(lock)) {
    const std::uintptr_t token = node->token;
    lock.remove(*node);
    if (wakeups.claim(*node, code)) return token;
  }
  return 0;
}

// The caller is the only owner, and nobody can join it.
void pass_on(State& state, QueueLock& lock, Wakeups& wakeups, bool readers_first) noexcept {
  const bool hand_over = !lock.empty() && has_lost(lock.head()->amount);
  const Outcome code = hand_over ? kGranted : kRetry;
  std::uintptr_t next = 0;
  for (bool readers = readers_first; next == 0 && !lock.empty(); readers = !readers) {
    next = readers ? claim_readers(lock, wakeups, code) : claim_writer(lock, wakeups, code);
    if (readers && next != 0) next |= kShared;
  }
  // After the claims: a lock that was set free is anybody's.
  state.store((hand_over ? next : 0) | (lock.empty() ? 0 : kWaiting), std::memory_order_release);
}

// A waiter has left without the lock.
void after_leaving(State& state, QueueLock& lock, Wakeups& wakeups) noexcept {
  if (lock.empty()) {
    state.fetch_and(~kWaiting, std::memory_order_relaxed);
    return;
  }
  const bool writer_waits =
      !is_reader(lock.head()->amount) || !is_reader(lock.head()->prev->amount);
  // Acquire: those who are let in must see what the last writer did, through us.
  if (writer_waits || (state.load(std::memory_order_acquire) & kShared) == 0) return;
  // Others may leave meanwhile, but the last of them comes here and waits for the queue's lock.
  state.fetch_add(claim_readers(lock, wakeups, kGranted), std::memory_order_relaxed);
  state.fetch_and(~kWaiting, std::memory_order_relaxed);
}

// --- the slow ways ---

[[gnu::noinline]] WaitStatus lock_slow(State& state, WaitQueue& queue, Kind kind,
                                       const std::stop_token* stop, Deadline deadline) {
  const std::uintptr_t token = current_token();
  if ((state.load(std::memory_order_relaxed) & ~kWaiting) == token && deadline.is_never() &&
      (stop == nullptr || !stop->stop_possible())) {
    die("SharedMutex: %s by the fiber or thread that holds it for writing would wait for ever",
        is_reader(kind) ? "lock_shared()" : "lock()");
  }
  for (;;) {
    Waiter waiter(WaitReason::kSharedMutex, &state);
    WaitNode node{.waiter = &waiter, .token = token, .amount = kind};
    {
      Wakeups wakeups;
      QueueLock lock(queue);
      if (take_or_announce(state, kind, token)) return WaitStatus::kReady;
      if (const WaitStatus early = refuse_early(stop, deadline); early != WaitStatus::kReady) {
        after_leaving(state, lock, wakeups);
        return early;
      }
      insert(lock, node);
    }
    Wakeups wakeups;
    const Outcome outcome = wait_in(queue, node, stop, deadline,
                                    [&](QueueLock& lock) { after_leaving(state, lock, wakeups); });
    if (outcome != kRetry) return to_status(outcome);
    kind = is_reader(kind) ? kLostReader : kLostWriter;
    // Who loses will be handed the lock, and hold it for all others while it is only ready.
    if (take_soon(state, queue, kind)) return WaitStatus::kReady;
  }
}

[[gnu::noinline]] void lock_contended(State& state, WaitQueue& queue, Kind kind,
                                      std::uintptr_t seen) {
  if (go_on_trying(state, queue, kind, seen) || take_soon(state, queue, kind)) return;
  (void)lock_slow(state, queue, kind, nullptr, Deadline());
}

[[gnu::always_inline]] inline void lock_as(Kind kind, State& state, WaitQueue& queue) {
  std::uintptr_t seen = state.load(std::memory_order_relaxed);
  if (!take_once(state, queue, kind, seen)) [[unlikely]] {
    lock_contended(state, queue, kind, seen);
  }
}

[[gnu::noinline]] void unlock_slow(State& state, WaitQueue& queue) {
  if ((state.load(std::memory_order_relaxed) & ~kWaiting) != current_token()) {
    die("SharedMutex: unlock() by one who is not the writer");
  }
  Wakeups wakeups;
  QueueLock lock(queue);
  pass_on(state, lock, wakeups, true);
}

// False: the last reader is not the last any more, or nobody waits any more.
[[gnu::noinline]] bool unlock_last_reader(State& state, WaitQueue& queue) {
  Wakeups wakeups;
  QueueLock lock(queue);
  // Acquire pairs with the release of the other readers' unlocks.
  if (state.load(std::memory_order_acquire) != (kLastReader | kWaiting)) return false;
  pass_on(state, lock, wakeups, false);
  return true;
}

}  // namespace

void SharedMutex::lock() { lock_as(kWriter, state_, queue_); }

bool SharedMutex::try_lock() noexcept { return try_take(state_, queue_, kWriter); }

WaitStatus SharedMutex::lock(std::stop_token stop, Deadline deadline) {
  if (try_take(state_, queue_, kWriter)) return WaitStatus::kReady;
  return lock_slow(state_, queue_, kWriter, &stop, deadline);
}

void SharedMutex::unlock() {
  std::uintptr_t mine = current_token();
  if (!state_.compare_exchange_strong(mine, 0, std::memory_order_release,
                                      std::memory_order_relaxed)) {
    unlock_slow(state_, queue_);
  }
}

void SharedMutex::lock_shared() { lock_as(kReader, state_, queue_); }

bool SharedMutex::try_lock_shared() noexcept { return try_take(state_, queue_, kReader); }

WaitStatus SharedMutex::lock_shared(std::stop_token stop, Deadline deadline) {
  if (try_take(state_, queue_, kReader)) return WaitStatus::kReady;
  return lock_slow(state_, queue_, kReader, &stop, deadline);
}

void SharedMutex::unlock_shared() {
  std::uintptr_t seen = state_.load(std::memory_order_relaxed);
  for (LetOthers others(kMostPauses);;) {
    if ((seen & kShared) == 0) die("SharedMutex: unlock_shared() while nobody holds it shared");
    if (seen == (kLastReader | kWaiting)) {
      if (unlock_last_reader(state_, queue_)) return;
    } else if (state_.compare_exchange_weak(seen, seen == kLastReader ? 0 : seen - kOneReader,
                                            std::memory_order_release, std::memory_order_relaxed)) {
      return;
    } else {
      others.wait();
    }
    seen = state_.load(std::memory_order_relaxed);
  }
}

void SharedMutex::assert_held() const {
  if ((state_.load(std::memory_order_relaxed) & ~kWaiting) != current_token()) {
    die("SharedMutex: the caller does not hold it for writing, as assert_held() demands");
  }
}

void SharedMutex::assert_shared() const {
  if ((state_.load(std::memory_order_relaxed) & kShared) == 0) {
    die("SharedMutex: nobody holds it shared, as assert_shared() demands");
  }
}

void SharedMutex::report_in_use() const noexcept {
  if (!is_exiting()) die("SharedMutex: destroyed while it is held or awaited");
}

}  // namespace umcg::inline v0
