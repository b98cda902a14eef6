// SPDX-License-Identifier: Apache-2.0
// opaque_errno.h - errno as code in another translation unit sees it. A compiler may keep its
// address in a register over a switch, after which the fiber can be on another thread.
#ifndef UMCG_TESTS_SUPPORT_OPAQUE_ERRNO_H_
#define UMCG_TESTS_SUPPORT_OPAQUE_ERRNO_H_

#include <cerrno>

namespace umcg_test {

[[gnu::noinline]] inline int read_errno() {
  asm volatile("" ::: "memory");
  return errno;
}
[[gnu::noinline]] inline void write_errno(int value) {
  asm volatile("" ::: "memory");
  errno = value;
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_OPAQUE_ERRNO_H_
