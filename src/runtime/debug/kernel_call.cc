// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/kernel_call.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "kernel_shim/oracle/describe_block.h"

namespace umcg::inline v0::internal {
namespace {

// Calls that can block and whose first argument is a file descriptor.
constexpr long kOfFd[] = {
    SYS_read,       SYS_write,   SYS_readv,       SYS_writev,  SYS_pread64,   SYS_pwrite64,
    SYS_preadv,     SYS_pwritev, SYS_accept,      SYS_accept4, SYS_connect,   SYS_recvfrom,
    SYS_sendto,     SYS_recvmsg, SYS_sendmsg,     SYS_fsync,   SYS_fdatasync, SYS_flock,
    SYS_fcntl,      SYS_ioctl,   SYS_epoll_pwait, SYS_splice,  SYS_ftruncate,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
};

}  // namespace

CallText describe_call(const ThreadView& thread) noexcept {
  CallText to;
  switch (thread.doing) {
    case ThreadView::Doing::kUnknown:
    case ThreadView::Doing::kRunning:
      std::snprintf(to.text, sizeof to.text, "running");
      return to;
    case ThreadView::Doing::kBlocked:
      std::snprintf(to.text, sizeof to.text, "blocked outside a system call");
      return to;
    case ThreadView::Doing::kSystemCall:
      break;
  }
  const std::string_view name = shim::syscall_name(thread.call);
  const int n = name.empty()
                    ? std::snprintf(to.text, sizeof to.text, "in system call %ld", thread.call)
                    : std::snprintf(to.text, sizeof to.text, "in %.*s(2)",
                                    static_cast<int>(name.size()), name.data());
  if (std::find(std::begin(kOfFd), std::end(kOfFd), thread.call) == std::end(kOfFd)) return to;
  const int fd = static_cast<int>(thread.first_argument);
  char path[40];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  char file[64];
  const ssize_t length = ::readlink(path, file, sizeof file);
  std::snprintf(to.text + n, sizeof to.text - static_cast<std::size_t>(n), " of fd %d (%.*s)", fd,
                static_cast<int>(std::max<ssize_t>(length, 0)), file);
  return to;
}

}  // namespace umcg::inline v0::internal
