// SPDX-License-Identifier: Apache-2.0
// blocking.h - blocking(f), blocking_now(f): hints that f will block in the kernel.
//
//     auto n = umcg::blocking([&] { return ::read(fd, buf, sizeof buf); });
//
// Never needed for correctness. While f runs, the fiber's server is on offer to another worker; a
// call that returns before anybody takes it costs nanoseconds. blocking_now() hands the server over
// first: for calls that certainly block. On a plain thread both just call f.
#ifndef UMCG_BLOCKING_H_
#define UMCG_BLOCKING_H_

#include <functional>
#include <type_traits>
#include <utility>

#include "umcg/internal/config.h"

namespace umcg::inline v0 {

namespace internal {
// Never suspend.
UMCG_API void begin_blocking(bool now) noexcept;
// May suspend, may migrate.
UMCG_API void end_blocking();

class BlockingRegion {
 public:
  explicit BlockingRegion(bool now) noexcept { begin_blocking(now); }
  ~BlockingRegion() { end_blocking(); }
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;
};
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

}  // namespace umcg::inline v0

#endif  // UMCG_BLOCKING_H_
