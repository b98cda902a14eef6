// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace umcg::inline v0::internal::shim {

int make_memfd(const char* name) noexcept {
  const int saved = errno;
  const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int result = fd >= 0 ? fd : -errno;
  if (fd >= 0 && fd <= STDERR_FILENO) {
    const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    result = higher >= 0 ? higher : -errno;
    ::close(fd);
  }
  errno = saved;
  return result;
}

}  // namespace umcg::inline v0::internal::shim
