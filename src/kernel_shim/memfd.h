// SPDX-License-Identifier: Apache-2.0
// memfd.h - memory with a descriptor, for other processes.
#ifndef UMCG_KERNEL_SHIM_MEMFD_H_
#define UMCG_KERNEL_SHIM_MEMFD_H_

namespace umcg::inline v0::internal::shim {

// Empty, sealable, close-on-exec, and never a standard stream: a program may run with one of those
// closed, and what it then prints must not be written here. -errno.
int make_memfd(const char* name) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_MEMFD_H_
