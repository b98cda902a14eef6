// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/run_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace umcg::inline v0::internal::shim {

RunState run_state_of(pid_t tid) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", static_cast<int>(tid));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return RunState::kUnknown;
  char text[128];
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (n <= 0) return RunState::kUnknown;
  text[n] = '\0';
  // "tid (name) S ...": the name may hold anything, also a parenthesis.
  const char* const name_end = std::strrchr(text, ')');
  if (name_end == nullptr || name_end[1] != ' ') return RunState::kUnknown;
  switch (name_end[2]) {
    case 'R':
      return RunState::kRunnable;
    case 'S':
    case 'D':
      return RunState::kSleeping;
    case 'T':
    case 't':
      return RunState::kStopped;
    default:
      return RunState::kUnknown;
  }
}

}  // namespace umcg::inline v0::internal::shim
