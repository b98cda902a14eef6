// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/shared/system_calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace umcg::inline v0::internal::shim {
namespace {

// What f returns, or what errno says if that is negative.
template <class F>
auto checked(F f) noexcept {
  const int saved = errno;
  auto result = f();
  if (result < 0) result = static_cast<decltype(result)>(-errno);
  errno = saved;
  return result;
}

int map(std::size_t bytes, int flags, int fd, int advice, void** memory) noexcept {
  const int saved = errno;
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  int result = mapped == MAP_FAILED ? -errno : 0;
  if (result == 0 && madvise(mapped, bytes, advice) != 0) {
    result = -errno;
    munmap(mapped, bytes);
  }
  errno = saved;
  if (result == 0) *memory = mapped;
  return result;
}

struct flock whole_byte(short type, std::uint32_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

}  // namespace

int make_memfd(const char* name) noexcept {
  const int fd = checked([=] { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); });
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int higher = checked([=] { return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); });
  close_fd(fd);
  return higher;
}

int make_memory(std::size_t bytes) noexcept {
  const int fd = make_memfd("umcg_shared_group");
  if (fd < 0) return fd;
  int result = checked([=] { return ftruncate(fd, static_cast<off_t>(bytes)); });
  if (result == 0) {
    result = checked([=] { return fcntl(fd, F_ADD_SEALS, kSizeSeals | F_SEAL_SEAL); });
  }
  if (result == 0) return fd;
  close_fd(fd);
  return result;
}

int size_of_memory(int fd, std::size_t* bytes) noexcept {
  const int seals = checked([=] { return fcntl(fd, F_GET_SEALS); });
  if (seals < 0) return seals;
  if ((seals & kSizeSeals) != kSizeSeals) return -EINVAL;
  struct stat info {};
  const int result = checked([&] { return fstat(fd, &info); });
  if (result == 0) *bytes = static_cast<std::size_t>(info.st_size);
  return result;
}

int map_memory(int fd, std::size_t bytes, void** memory) noexcept {
  return map(bytes, MAP_SHARED, fd, MADV_DONTFORK, memory);
}

int map_wiped_on_fork(std::size_t bytes, void** memory) noexcept {
  return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, MADV_WIPEONFORK, memory);
}

void unmap(void* memory, std::size_t bytes) noexcept {
  checked([=] { return munmap(memory, bytes); });
}

int lock_byte(int fd, std::uint32_t byte) noexcept {
  struct flock lock = whole_byte(F_WRLCK, byte);
  const int result = checked([&] { return fcntl(fd, F_SETLK, &lock); });
  return result == -EACCES ? -EAGAIN : result;
}

void unlock_byte(int fd, std::uint32_t byte) noexcept {
  struct flock lock = whole_byte(F_UNLCK, byte);
  checked([&] { return fcntl(fd, F_SETLK, &lock); });
}

pid_t holder_of_byte(int fd, std::uint32_t byte) noexcept {
  struct flock lock = whole_byte(F_WRLCK, byte);
  const int result = checked([&] { return fcntl(fd, F_GETLK, &lock); });
  if (result < 0) return result;
  return lock.l_type == F_UNLCK ? -ESRCH : lock.l_pid;
}

int open_pidfd(pid_t pid) noexcept {
  return static_cast<int>(checked([=] { return syscall(SYS_pidfd_open, pid, 0); }));
}

void close_fd(int fd) noexcept {
  checked([=] { return close(fd); });
}

int identify(int fd, std::uint64_t* device, std::uint64_t* inode) noexcept {
  struct stat info {};
  const int result = checked([&] { return fstat(fd, &info); });
  *device = info.st_dev;
  *inode = info.st_ino;
  return result;
}

}  // namespace umcg::inline v0::internal::shim
