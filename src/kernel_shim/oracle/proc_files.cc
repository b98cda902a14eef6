// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/oracle/proc_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <system_error>

namespace umcg::inline v0::internal::shim {
namespace {

// What stands in the buffer; empty if the file cannot be read.
template <std::size_t kSize>
std::string_view read_start(int fd, char (&buffer)[kSize]) noexcept {
  const ssize_t n = ::pread(fd, buffer, kSize, 0);
  return {buffer, n > 0 ? static_cast<std::size_t>(n) : 0};
}

}  // namespace

int open_own_file(const char* name) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/thread-self/%s", name);
  return ::open(path, O_RDONLY | O_CLOEXEC);
}

int open_file_of(pid_t tid, const char* name) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", tid, name);
  return ::open(path, O_RDONLY | O_CLOEXEC);
}

SyscallLine read_syscall_line(int fd) noexcept {
  using Kind = SyscallLine::Kind;
  char buffer[24];
  const std::string_view line = read_start(fd, buffer);
  if (line.starts_with("running")) return {.kind = Kind::kRunning};
  SyscallLine result{.kind = Kind::kNotRunnable};
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), result.number);
  return error == std::errc() ? result : SyscallLine();
}

char read_state(int fd) noexcept {
  // The state follows the name, which is in parentheses and may have some of its own. A name has 15
  // characters at most, and after the state there are only numbers.
  char buffer[64];
  const std::string_view line = read_start(fd, buffer);
  const std::size_t end_of_name = line.rfind(')');
  return end_of_name == line.npos || end_of_name + 2 >= line.size() ? '\0' : line[end_of_name + 2];
}

}  // namespace umcg::inline v0::internal::shim
