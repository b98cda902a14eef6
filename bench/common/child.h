// SPDX-License-Identifier: Apache-2.0
// child.h - runs a measurement in a process of its own.
#ifndef UMCG_BENCH_COMMON_CHILD_H_
#define UMCG_BENCH_COMMON_CHILD_H_

#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <type_traits>

namespace bench {

// Forks, calls f() there and hands its result back; nothing if the child failed. The caller must
// have no other threads. For what leaves traces in a process, as resident memory does.
template <class F>
auto in_child(F f) -> std::optional<decltype(f())> {
  using Result = decltype(f());
  static_assert(std::is_trivially_copyable_v<Result>);
  int ends[2];
  if (pipe(ends) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    const Result result = f();
    const bool written = write(ends[1], &result, sizeof result) == sizeof result;
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  Result result;
  const bool complete = read(ends[0], &result, sizeof result) == sizeof result;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!complete || status != 0) return std::nullopt;
  return result;
}

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_CHILD_H_
