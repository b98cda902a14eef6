// SPDX-License-Identifier: Apache-2.0
// system_calls.h - the system calls that groups in shared memory are made of. All return 0 (or a
// descriptor) or a negative errno value, and leave errno alone.
#ifndef UMCG_KERNEL_SHIM_SHARED_SYSTEM_CALLS_H_
#define UMCG_KERNEL_SHIM_SHARED_SYSTEM_CALLS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal::shim {

// Empty, sealable, close-on-exec, and never a standard stream: a program may run with one of those
// closed, and what it then prints must not be written here.
int make_memfd(const char* name) noexcept;
// A memfd of that many zeros whose size nobody can change: a peer that cut it off would kill us by
// SIGBUS.
int make_memory(std::size_t bytes) noexcept;
// The size of such a memfd. -EINVAL: it is something else.
int size_of_memory(int fd, std::size_t* bytes) noexcept;
// Not inherited by fork().
int map_memory(int fd, std::size_t bytes, void** memory) noexcept;
// Private zeros, and zeros again in a forked child.
int map_wiped_on_fork(std::size_t bytes, void** memory) noexcept;
void unmap(void* memory, std::size_t bytes) noexcept;

// A record lock on one byte of the file, for this process. -EAGAIN: another has it.
int lock_byte(int fd, std::uint32_t byte) noexcept;
void unlock_byte(int fd, std::uint32_t byte) noexcept;
// Who has it: the process, in this process's PID namespace; 0: one of a namespace that cannot be
// seen from here; -ESRCH: nobody, or this process.
pid_t holder_of_byte(int fd, std::uint32_t byte) noexcept;

int open_pidfd(pid_t pid) noexcept;
void close_fd(int fd) noexcept;

// Which file it is.
int identify(int fd, std::uint64_t* device, std::uint64_t* inode) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_SHARED_SYSTEM_CALLS_H_
