// SPDX-License-Identifier: Apache-2.0
// future_state.cc - the word: kQueueFlag is "ready", kWatched says that there is a watcher.
//
// Making a state ready is setting an event (event_word.h): with nobody there, one CAS from an
// otherwise empty word. kWatched makes the word not empty, so that the CAS fails and the flag is
// set under the lock. The race that matters: watch() while the state becomes ready. Both decide
// under the lock: either watch() sees the flag and says so, or publish() sees kWatched. unwatch()
// and publish() both take the watcher out under the lock, so one of the two has it, and the
// watcher's reference with it.
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
  // Release pairs with the acquire of the last one, who destroys what the others have used.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
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

void FutureState::publish() noexcept {
  set_event(queue_, kReady);
  if ((queue_.word.load(std::memory_order_relaxed) & kWatched) == 0) return;
  FutureState* watcher;
  std::size_t index;
  {
    QueueLock lock(queue_);
    watcher = std::exchange(watcher_, nullptr);
    index = watch_index_;
    lock.set_flags(kReady);
  }
  if (watcher == nullptr) return;
  watcher->input_ready(index);
  watcher->release();
}

void FutureState::abandon() noexcept {
  if (claimed_.exchange(true, std::memory_order_acquire)) return;
  store_error(std::make_exception_ptr(std::future_error(std::future_errc::broken_promise)));
  publish();
}

void FutureState::retrieve() {
  if (retrieved_.exchange(true, std::memory_order_relaxed)) {
    throw_future_error(std::future_errc::future_already_retrieved);
  }
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
  QueueLock lock(queue_);
  if ((lock.flags() & kReady) != 0) return false;
  if (watcher_ != nullptr) die("when_all(), when_any(): a future is combined twice at once");
  watcher.retain();
  watcher_ = &watcher;
  watch_index_ = index;
  lock.set_flags(lock.flags() | kWatched);
  return true;
}

void FutureState::unwatch() noexcept {
  FutureState* watcher;
  {
    QueueLock lock(queue_);
    watcher = std::exchange(watcher_, nullptr);
    lock.set_flags(lock.flags() & ~kWatched);
  }
  if (watcher != nullptr) watcher->release();
}

void FutureState::input_ready(std::size_t) noexcept {
  die("a future that is no combination was told of an input");
}

}  // namespace umcg::inline v0::internal
