// SPDX-License-Identifier: Apache-2.0
// std_names.h - namespace umcg::stdx: umcg under the names of the standard library, for
// find-and-replace.
//
//     namespace stdx = umcg::stdx;       // and std::thread, std::mutex, ... become stdx::...
//     umcg::Runtime rt;
//     auto entered = rt.enter();         // on the plain thread that starts the first of them
//     stdx::mutex m;
//     stdx::thread t([&] { stdx::lock_guard lock(m); work(); });
//     t.join();
//
// The same tests pass for std and for stdx (tests/conformance/). What differs: a thread needs a
// runtime, and has no native handle; mutexes check their owner; mutex is timed, too; there is no
// async() and no packaged_task (spawn() and Scope give futures of functions). What umcg adds
// (deadlines with stop tokens, names) is there as well.
#ifndef UMCG_STD_NAMES_H_
#define UMCG_STD_NAMES_H_

#include <compare>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <ostream>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include "umcg/barrier.h"
#include "umcg/condition_variable.h"
#include "umcg/fiber.h"
#include "umcg/future.h"
#include "umcg/latch.h"
#include "umcg/mutex.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/semaphore.h"
#include "umcg/shared_future.h"
#include "umcg/shared_mutex.h"
#include "umcg/this_fiber.h"

namespace umcg::inline v0::stdx {

using mutex = Mutex;
using timed_mutex = Mutex;
using recursive_mutex = RecursiveMutex;
using recursive_timed_mutex = RecursiveMutex;
using shared_mutex = SharedMutex;
using shared_timed_mutex = SharedMutex;
using condition_variable = ConditionVariable;
using latch = Latch;
template <class CompletionFunction = internal::NoCompletion>
using barrier = Barrier<CompletionFunction>;
using once_flag = OnceFlag;
using umcg::call_once;
template <class R>
using promise = Promise<R>;
template <class R>
using future = Future<R>;
template <class R>
using shared_future = SharedFuture<R>;

using std::adopt_lock;
using std::adopt_lock_t;
using std::cv_status;
using std::defer_lock;
using std::defer_lock_t;
using std::future_category;
using std::future_errc;
using std::future_error;
using std::future_status;
using std::lock;
using std::lock_guard;
using std::nostopstate;
using std::scoped_lock;
using std::shared_lock;
using std::stop_callback;
using std::stop_source;
using std::stop_token;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

// With the forms that take a stop token as std has them.
class condition_variable_any : public ConditionVariable {
 public:
  using ConditionVariable::wait;
  using ConditionVariable::wait_for;
  using ConditionVariable::wait_until;

  template <class Lock, class Predicate>
  requires std::predicate<Predicate&>
  bool wait(Lock& lock, std::stop_token stop, Predicate pred) {
    return ConditionVariable::wait(lock, std::move(pred), std::move(stop)) == WaitStatus::kReady;
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::stop_token stop, std::chrono::duration<Rep, Period> d,
                Predicate pred) {
    return ConditionVariable::wait(lock, std::move(pred), std::move(stop), Deadline(d)) ==
           WaitStatus::kReady;
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::stop_token stop, std::chrono::time_point<Clock, Duration> t,
                  Predicate pred) {
    return ConditionVariable::wait(lock, std::move(pred), std::move(stop), Deadline(t)) ==
           WaitStatus::kReady;
  }
};

template <std::ptrdiff_t kLeastMax = Semaphore::max()>
class counting_semaphore {
  static_assert(kLeastMax >= 0 && kLeastMax <= Semaphore::max());

 public:
  constexpr explicit counting_semaphore(std::ptrdiff_t permits) noexcept : semaphore_(permits) {}
  static constexpr std::ptrdiff_t max() noexcept { return kLeastMax; }

  void release(std::ptrdiff_t n = 1) { semaphore_.release(n); }
  void acquire() { semaphore_.acquire(); }
  bool try_acquire() noexcept { return semaphore_.try_acquire(); }
  template <class Rep, class Period>
  bool try_acquire_for(std::chrono::duration<Rep, Period> d) {
    return semaphore_.try_acquire_for(d);
  }
  template <class Clock, class Duration>
  bool try_acquire_until(std::chrono::time_point<Clock, Duration> t) {
    return semaphore_.try_acquire_until(t);
  }

 private:
  Semaphore semaphore_;
};
using binary_semaphore = counting_semaphore<1>;

// A fiber as a std::thread: an exception that leaves the function terminates, and so does the
// destruction of one that is neither joined nor detached.
class thread {
 public:
  class id {
   public:
    constexpr id() noexcept = default;
    constexpr explicit id(FiberId fiber) noexcept : fiber_(fiber) {}
    friend constexpr auto operator<=>(id, id) noexcept = default;
    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                                        id i) {
      return out << i.fiber_.value();
    }

   private:
    friend struct std::hash<id>;
    FiberId fiber_;
  };

  thread() noexcept = default;
  template <class F, class... A>
  requires(!std::is_same_v<std::remove_cvref_t<F>, thread>) explicit thread(F&& f, A&&... a)
      : fiber_(spawn(Call<F, A...>(std::forward<F>(f), std::forward<A>(a)...))) {}
  thread(thread&&) noexcept = default;
  thread& operator=(thread&& other) noexcept {
    if (joinable()) std::terminate();
    fiber_ = std::move(other.fiber_);
    return *this;
  }
  ~thread() {
    if (joinable()) std::terminate();
  }

  void swap(thread& other) noexcept { std::swap(fiber_, other.fiber_); }
  friend void swap(thread& a, thread& b) noexcept { a.swap(b); }
  bool joinable() const noexcept { return fiber_.joinable(); }
  id get_id() const noexcept { return id(fiber_.get_id()); }
  void join() { fiber_.join(); }
  void detach() { fiber_.detach(); }
  static unsigned int hardware_concurrency() noexcept {
    return std::thread::hardware_concurrency();
  }

 private:
  // noexcept: what leaves f ends the process.
  template <class F, class... A>
  class Call {
   public:
    template <class... B>
    explicit Call(B&&... parts) : parts_(std::forward<B>(parts)...) {}
    void operator()() noexcept {
      std::apply([](auto&... part) { (void)std::invoke(std::move(part)...); }, parts_);
    }

   private:
    std::tuple<std::decay_t<F>, std::decay_t<A>...> parts_;
  };

  Fiber<> fiber_;
};

// As std::jthread: with a stop source of its own.
class jthread {
 public:
  using id = thread::id;

  jthread() noexcept : stop_(std::nostopstate) {}
  template <class F, class... A>
  requires(!std::is_same_v<std::remove_cvref_t<F>, jthread>) explicit jthread(F&& f, A&&... a)
      : thread_(start(stop_, std::forward<F>(f), std::forward<A>(a)...)) {}
  jthread(jthread&&) noexcept = default;
  jthread& operator=(jthread&& other) noexcept {
    jthread(std::move(other)).swap(*this);
    return *this;
  }
  ~jthread() {
    if (!joinable()) return;
    request_stop();
    join();
  }

  void swap(jthread& other) noexcept {
    std::swap(stop_, other.stop_);
    std::swap(thread_, other.thread_);
  }
  friend void swap(jthread& a, jthread& b) noexcept { a.swap(b); }
  bool joinable() const noexcept { return thread_.joinable(); }
  id get_id() const noexcept { return thread_.get_id(); }
  void join() { thread_.join(); }
  void detach() { thread_.detach(); }
  std::stop_source get_stop_source() noexcept { return stop_; }
  std::stop_token get_stop_token() const noexcept { return stop_.get_token(); }
  bool request_stop() noexcept { return stop_.request_stop(); }
  static unsigned int hardware_concurrency() noexcept { return thread::hardware_concurrency(); }

 private:
  template <class F, class... A>
  static thread start(const std::stop_source& stop, F&& f, A&&... a) {
    if constexpr (std::is_invocable_v<std::decay_t<F>, std::stop_token, std::decay_t<A>...>) {
      return thread(std::forward<F>(f), stop.get_token(), std::forward<A>(a)...);
    } else {
      return thread(std::forward<F>(f), std::forward<A>(a)...);
    }
  }

  std::stop_source stop_;
  thread thread_;
};

namespace this_thread {

// thread::id() on a plain thread.
inline thread::id get_id() noexcept { return thread::id(this_fiber::get_id()); }
using this_fiber::sleep_for;
using this_fiber::sleep_until;
using this_fiber::yield;

}  // namespace this_thread

}  // namespace umcg::inline v0::stdx

template <>
struct std::hash<umcg::stdx::thread::id> {
  std::size_t operator()(umcg::stdx::thread::id i) const noexcept {
    return std::hash<std::uint64_t>()(i.fiber_.value());
  }
};

#endif  // UMCG_STD_NAMES_H_
