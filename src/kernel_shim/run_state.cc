// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/run_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace umcg::inline v0::internal::shim {
namespace {

// What stands behind "tid (name) " in /proc/self/task/TID/stat, or null. The name may hold
// anything, also a parenthesis.
const char* read_stat(pid_t tid, char* text, std::size_t size) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", static_cast<int>(tid));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  const ssize_t n = ::read(fd, text, size - 1);
  ::close(fd);
  if (n <= 0) return nullptr;
  text[n] = '\0';
  const char* const name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' ? name_end + 2 : nullptr;
}

}  // namespace

RunState run_state_of(pid_t tid) noexcept {
  char text[512];
  const char* const state = read_stat(tid, text, sizeof text);
  if (state == nullptr) return RunState::kUnknown;
  switch (*state) {
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

int last_cpu_of(pid_t tid) noexcept {
  constexpr int kFieldsFromStateToCpu = 36;  // see proc(5)
  char text[512];
  const char* field = read_stat(tid, text, sizeof text);
  for (int i = 0; i < kFieldsFromStateToCpu && field != nullptr; ++i) {
    field = std::strchr(field, ' ');
    if (field != nullptr) ++field;
  }
  return field != nullptr ? std::atoi(field) : -1;
}

}  // namespace umcg::inline v0::internal::shim
