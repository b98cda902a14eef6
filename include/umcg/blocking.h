// SPDX-License-Identifier: Apache-2.0
// blocking.h - calls that block in the kernel: blocking(f), blocking_now(f), interruptible(f),
// unpinned(f).
//
//     auto n = umcg::blocking([&] { return ::read(fd, buf, sizeof buf); });
//
// blocking() and blocking_now() are hints, never needed for correctness. While f runs, the fiber's
// server is on offer to another worker; a call that returns before anybody takes it costs
// nanoseconds. blocking_now() hands the server over first: for calls that certainly block.
//
//     auto n = umcg::interruptible([&] { return ::read(fd, buf, sizeof buf); });
//     if (n < 0 && errno == EINTR) return;  // asked to stop
//
// A stop request cannot end a raw system call; inside interruptible() it does.
//
// On a plain thread all four just call f.
#ifndef UMCG_BLOCKING_H_
#define UMCG_BLOCKING_H_

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "umcg/internal/config.h"
#include "umcg/internal/task.h"

namespace umcg::inline v0 {

namespace internal {
// Never suspend.
UMCG_API void begin_blocking(bool now) noexcept;
// May suspend, may migrate.
UMCG_API void end_blocking();
// Before it: woken, the thread is to run at once, in the place of who wakes it and then waits for
// it. Any fiber or thread; does not suspend.
UMCG_API void ask_to_run_when_woken() noexcept;

class BlockingRegion {
 public:
  explicit BlockingRegion(bool now) noexcept { begin_blocking(now); }
  ~BlockingRegion() { end_blocking(); }
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;
};

UMCG_API void run_interruptible(void (*f)(void*), void* argument);
UMCG_API void run_unpinned(void (*f)(void*), void* argument);

// Calls `call` with f as a plain function, and hands out f's result. What f throws passes through.
template <class R, class F>
R through_pointer(void (*call)(void (*)(void*), void*), F&& f) {
  if constexpr (std::is_void_v<R>) {
    call(
        [](void* p) { std::invoke(std::forward<F>(*static_cast<std::remove_reference_t<F>*>(p))); },
        std::addressof(f));
  } else {
    struct Both {
      std::remove_reference_t<F>* f;
      std::optional<stored_t<R>> result;
    } both{std::addressof(f), std::nullopt};
    call(
        [](void* p) {
          Both& b = *static_cast<Both*>(p);
          if constexpr (std::is_reference_v<R>) {
            R r = std::invoke(std::forward<F>(*b.f));
            b.result.emplace(std::addressof(r));
          } else {
            b.result.emplace(std::invoke(std::forward<F>(*b.f)));
          }
        },
        &both);
    return take_stored<R>(std::addressof(*both.result));
  }
}
}  // namespace internal

// Any fiber or thread. f runs on the present thread; the return may suspend and migrate. errno
// survives it. Returns or throws what f does. In a stop callback the return does not suspend. f
// must not call a umcg function that may suspend.
template <class F>
std::invoke_result_t<F> blocking(F&& f) {
  internal::BlockingRegion region(false);
  return std::invoke(std::forward<F>(f));
}
template <class F>
std::invoke_result_t<F> blocking_now(F&& f) {
  internal::BlockingRegion region(true);
  return std::invoke(std::forward<F>(f));
}

// Calls f, which blocks in system calls. When the fiber's stop is requested, before or meanwhile, a
// call in it that can be interrupted returns with EINTR, again and again until f returns: f must
// give up then. The signal that does it is one of the real-time range that the program does not
// use, and its handler does nothing. f runs on the present thread and the fiber stays on it. errno
// survives. Returns or throws what f does. f must not call a umcg function that may suspend. About
// 2 us.
template <class F>
std::invoke_result_t<F> interruptible(F&& f) {
  using R = std::invoke_result_t<F>;
  return internal::through_pointer<R>(internal::run_interruptible, std::forward<F>(f));
}

// Calls f with the affinity mask that the runtime was made with, which differs from the fiber's
// only with RuntimeOptions::pin_servers: for code that starts threads or processes, which inherit
// it. f runs on the present thread. f must not call a umcg function that may suspend.
template <class F>
std::invoke_result_t<F> unpinned(F&& f) {
  using R = std::invoke_result_t<F>;
  return internal::through_pointer<R>(internal::run_unpinned, std::forward<F>(f));
}

}  // namespace umcg::inline v0

#endif  // UMCG_BLOCKING_H_
