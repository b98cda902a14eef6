// SPDX-License-Identifier: Apache-2.0
// future_state.cc - the word: kReady is "ready", kWatched says that there is a watcher.
//
// Making a state ready is setting an event (event_word.h): one CAS, from "nothing" or from "a
// watcher and nothing else", or all of it under the lock. Whoever clears kWatched has the watcher,
// and nobody else looks at it any more: publish(), or unwatch(). Whoever sets it has written the
// watcher before. The race that matters: watch() while the state becomes ready. Either the CAS (or
// the lock) of watch() comes first, and publish() finds kWatched; or it finds kReady, and says so.
//
// The watcher is called without the lock. It may make another state ready, whose watcher is called
// in turn: as deep as combinations are nested.
//
// Rejected: a list of watchers (a future is one's own, and a combination takes it over and gives it
// back unwatched, so there is never a second one); a fiber that waits for each input.
#include "umcg/internal/future_state.h"

#include "runtime/base/report.h"
#include "runtime/sync/event_word.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uintptr_t kReady = kQueueFlag;
constexpr std::uintptr_t kWatched = 8;

}  // namespace

void throw_future_error(std::future_errc code) { throw std::future_error(code); }

FutureState::~FutureState() = default;

void FutureState::release() noexcept {
  // The last one needs no subtraction: there is nobody left who could add. Acquire, of either,
  // pairs with the release of the others, whose use of the state comes before its end.
  if (refs_.load(std::memory_order_acquire) == 1 ||
      refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete this;
  }
}

void FutureState::claim() {
  // Acquire pairs with the release of unclaim(): there may be a failed attempt before us.
  if (claimed_.exchange(true, std::memory_order_acquire)) {
    throw_future_error(std::future_errc::promise_already_satisfied);
  }
}

void FutureState::store_error(std::exception_ptr error) noexcept {
  error_ = std::move(error);
  holds_ = Holds::kError;
}

void FutureState::store_from(void (*store)(void* arg), void* arg) noexcept {
  try {
    store(arg);
  } catch (...) {
    store_error(std::current_exception());
  }
}

void FutureState::publish() noexcept {
  std::uintptr_t seen = queue_.word.load(std::memory_order_relaxed);
  // Release publishes the result. Acquire pairs with the release of watch().
  if ((seen == 0 || seen == kWatched) &&
      queue_.word.compare_exchange_strong(seen, kReady, std::memory_order_acq_rel,
                                          std::memory_order_relaxed)) {
    if (seen == kWatched) watcher_->input_ready(watch_index_);
    return;
  }
  bool watched;
  {
    Wakeups wakeups;
    QueueLock lock(queue_);
    watched = (lock.flags() & kWatched) != 0;
    lock.set_flags(kReady);
    wakeups.claim_all(lock, kGranted);
  }
  if (watched) watcher_->input_ready(watch_index_);
}

void FutureState::abandon() noexcept {
  // The giver's own result, most often.
  if (claimed_.load(std::memory_order_relaxed)) return;
  if (claimed_.exchange(true, std::memory_order_acquire)) return;
  store_error(std::make_exception_ptr(std::future_error(std::future_errc::broken_promise)));
  publish();
}

void FutureState::retrieve() {
  // By one at a time, as all that is done with a promise.
  if (retrieved_.load(std::memory_order_relaxed)) {
    throw_future_error(std::future_errc::future_already_retrieved);
  }
  retrieved_.store(true, std::memory_order_relaxed);
  refs_.store(2, std::memory_order_relaxed);
}

bool FutureState::is_ready() const noexcept { return event_is_set(queue_, kReady); }

WaitStatus FutureState::wait(const std::stop_token* stop, Deadline deadline) {
  return wait_event(queue_, kReady, stop, deadline, WaitReason::kFuture, this);
}

SelectCase FutureState::ready_case() noexcept { return event_case(queue_, kReady); }

void FutureState::wait_for_value() {
  (void)wait(nullptr, Deadline());
  if (!has_failed()) return;
  if (error_shared_) rethrow_shared();
  fetched_.store(true, std::memory_order_relaxed);
  // Moved out, the exception lives and dies with its catcher. (The count in an exception_ptr is in
  // libstdc++, where ThreadSanitizer does not see it.)
  std::rethrow_exception(std::move(error_));
}

void FutureState::wait_for_shared_value() {
  (void)wait(nullptr, Deadline());
  if (has_failed()) rethrow_shared();
}

void FutureState::rethrow_shared() {
  fetched_.store(true, std::memory_order_relaxed);
  std::rethrow_exception(error_);
}

bool FutureState::watch(FutureState& watcher, std::size_t index) noexcept {
  // Acquire, here and of the lock, pairs with the release of publish().
  std::uintptr_t seen = queue_.word.load(std::memory_order_acquire);
  if ((seen & kReady) != 0) return false;
  if ((seen & kWatched) != 0) die("when_all(), when_any(): a future is combined twice at once");
  watcher_ = &watcher;
  watch_index_ = index;
  if (seen == 0 && queue_.word.compare_exchange_strong(seen, kWatched, std::memory_order_release,
                                                       std::memory_order_relaxed)) {
    return true;
  }
  QueueLock lock(queue_);
  if ((lock.flags() & kReady) != 0) return false;
  lock.set_flags(kWatched);
  return true;
}

bool FutureState::unwatch() noexcept {
  QueueLock lock(queue_);
  if ((lock.flags() & kWatched) == 0) return false;
  lock.set_flags(0);
  return true;
}

void FutureState::input_ready(std::size_t) noexcept {
  die("a future that is no combination was told of an input");
}

}  // namespace umcg::inline v0::internal
