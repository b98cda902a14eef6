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

// What follows "tid (name) " in `stat`; empty if the file cannot be read. The name may have
// parentheses of its own; it has 15 characters at most, and after the state there are only numbers.
template <std::size_t kSize>
std::string_view read_after_name(int fd, char (&buffer)[kSize]) noexcept {
  const std::string_view line = read_start(fd, buffer);
  const std::size_t end_of_name = line.rfind(')');
  return end_of_name == line.npos || end_of_name + 2 >= line.size() ? std::string_view()
                                                                    : line.substr(end_of_name + 2);
}

}  // namespace

ProcFile::~ProcFile() {
  if (fd_ >= 0) ::close(fd_);
}

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

std::uint64_t read_blocked_address(int fd) noexcept {
  // "number, six arguments, stack pointer, address"; "-1 ..." outside a system call.
  char buffer[256];
  std::string_view line = read_start(fd, buffer);
  if (line.empty() || line.front() == '-') return 0;
  const std::size_t last = line.rfind("0x");
  if (last == line.npos) return 0;  // "running"
  std::uint64_t address = 0;
  std::from_chars(line.data() + last + 2, line.data() + line.size(), address, 16);
  return address;
}

RunState read_run_state(int fd) noexcept {
  char buffer[64];
  const std::string_view fields = read_after_name(fd, buffer);
  switch (fields.empty() ? '\0' : fields.front()) {
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

int read_last_cpu(int fd) noexcept {
  constexpr int kFieldsFromStateToCpu = 36;  // see proc(5)
  char buffer[512];
  std::string_view fields = read_after_name(fd, buffer);
  for (int i = 0; i < kFieldsFromStateToCpu; ++i) {
    const std::size_t space = fields.find(' ');
    if (space == fields.npos) return -1;
    fields.remove_prefix(space + 1);
  }
  int cpu = -1;
  std::from_chars(fields.data(), fields.data() + fields.size(), cpu);
  return cpu;
}

}  // namespace umcg::inline v0::internal::shim
