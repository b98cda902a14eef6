// SPDX-License-Identifier: Apache-2.0
// fiber.h - Fiber<R>: the handle of a running function; spawn() and post() from inside a fiber.
//
//     umcg::Fiber<int> f = umcg::spawn([](int x) { return x * x; }, 7);
//     int square = f.join();
//
// Arguments are decay-copied, as by std::thread; a function that takes a std::stop_token first is
// given the fiber's, as by std::jthread. The result may be void, move-only or a reference. An
// exception travels to join(). One that nobody can join (post(), detach()) ends the process with
// the fiber's name.
#ifndef UMCG_FIBER_H_
#define UMCG_FIBER_H_

#include <compare>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/launch.h"
#include "umcg/internal/select_case.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

// Names a fiber for ever: 64 bits, never used again within the process. 0: no fiber.
class FiberId {
 public:
  constexpr FiberId() noexcept = default;
  // For those who store ids as numbers.
  constexpr explicit FiberId(std::uint64_t value) noexcept : value_(value) {}
  constexpr std::uint64_t value() const noexcept { return value_; }
  friend constexpr auto operator<=>(FiberId, FiberId) noexcept = default;

 private:
  std::uint64_t value_ = 0;
};

namespace internal {

// What a handle does whatever its result type is.
class UMCG_API FiberHandle {
 public:
  FiberHandle(const FiberHandle&) = delete;
  FiberHandle& operator=(const FiberHandle&) = delete;

  // Any fiber or thread, one at a time, for all of these.

  // Whether there is a fiber to join: not default-made, moved from, joined or detached.
  bool joinable() const noexcept { return core_ != nullptr; }
  // FiberId() if not joinable.
  FiberId get_id() const noexcept;
  // Waits until the fiber has ended; it must still be joined. May suspend, may migrate.
  WaitStatus wait(std::stop_token stop = {}, Deadline deadline = {}) const;
  // For select(): chosen when the fiber has ended; it must still be joined. Throws as wait() does.
  SelectCase on_done() const;
  // Lets the fiber run on by itself. Throws std::system_error if not joinable.
  void detach();
  // Asks the fiber to stop. Runs its stop callbacks here. False if it was asked before.
  bool request_stop() noexcept;
  std::stop_token get_stop_token() const;

 protected:
  constexpr FiberHandle() noexcept = default;
  explicit FiberHandle(FiberCore* core) noexcept : core_(core) {}
  FiberHandle(FiberHandle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  ~FiberHandle() {
    if (core_ != nullptr) stop_and_drop();
  }

  // Waits for the end; rethrows the fiber's exception, in which case nothing is left to join.
  void* join_task();
  // Destroys the task and gives back the descriptor.
  void release() noexcept;
  // ~Fiber: request_stop, wait, drop the result; a dropped exception is logged once and counted.
  void stop_and_drop() noexcept;

  FiberCore* core_ = nullptr;

 private:
  void require_joinable(const char* what) const;
};

}  // namespace internal

// A handle joins when it is destroyed, after asking the fiber to stop, as std::jthread does.
template <class R = void>
class [[nodiscard]] Fiber : public internal::FiberHandle {
 public:
  constexpr Fiber() noexcept = default;
  Fiber(Fiber&&) noexcept = default;
  Fiber& operator=(Fiber&& other) noexcept {
    if (this != &other) {
      if (core_ != nullptr) stop_and_drop();
      core_ = std::exchange(other.core_, nullptr);
      result_ = other.result_;
    }
    return *this;
  }
  ~Fiber() = default;

  // Waits for the end and hands out the result, or throws what the function threw. May suspend, may
  // migrate. Once only. std::system_error: invalid_argument (not joinable),
  // resource_deadlock_would_occur (called by the fiber itself).
  // The fiber's end happens before the return of join().
  R join() {
    struct Release {
      Fiber* fiber;
      ~Release() { fiber->release(); }
    };
    void* task = join_task();
    Release release{this};
    return internal::take_stored<R>(result_(task));
  }

 private:
  friend struct FiberMaker;
  Fiber(internal::FiberCore* core, internal::stored_t<R>* (*result)(void*) noexcept) noexcept
      : FiberHandle(core), result_(result) {}

  internal::stored_t<R>* (*result_)(void* task) noexcept = nullptr;
};

// Internal: makes handles for spawn() and Runtime::spawn().
struct FiberMaker {
  template <class F, class... A>
  static auto spawn(internal::RuntimeCore& rt, const SpawnOptions* options, F&& f, A&&... a) {
    using R = internal::launch_result_t<F, A...>;
    return Fiber<R>(internal::launch(rt, options, false, std::forward<F>(f), std::forward<A>(a)...),
                    &internal::Task<R, F, A...>::result_of);
  }
};

// Starts a fiber on the current runtime. From a fiber, or from a thread that has entered a runtime
// (Runtime::enter); elsewhere it aborts. Never suspends. Throws std::bad_alloc when memory ends.
// The call of spawn() happens before the start of the fiber.
template <internal::NotSpawnOptions F, class... A>
[[nodiscard]] auto spawn(F&& f, A&&... a) {
  return FiberMaker::spawn(internal::current_runtime(), nullptr, std::forward<F>(f),
                           std::forward<A>(a)...);
}
template <class F, class... A>
[[nodiscard]] auto spawn(const SpawnOptions& options, F&& f, A&&... a) {
  return FiberMaker::spawn(internal::current_runtime(), &options, std::forward<F>(f),
                           std::forward<A>(a)...);
}

// As spawn(), with nobody to join: fire and forget.
template <internal::NotSpawnOptions F, class... A>
void post(F&& f, A&&... a) {
  internal::launch(internal::current_runtime(), nullptr, true, std::forward<F>(f),
                   std::forward<A>(a)...);
}

}  // namespace umcg::inline v0

#endif  // UMCG_FIBER_H_
