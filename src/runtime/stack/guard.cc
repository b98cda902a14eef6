// SPDX-License-Identifier: Apache-2.0
#include "runtime/stack/guard.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/base/report.h"

namespace umcg::inline v0::internal {
namespace {

constexpr int kMadvGuardInstall = 102;  // MADV_GUARD_INSTALL, newer than Debian 12's headers
constexpr int kPidfdSelf = -10000;      // PIDFD_SELF_THREAD_GROUP's old name; Linux >= 6.14
constexpr std::size_t kVector = 64;

GuardKind parse(const char* text, GuardKind otherwise) noexcept {
  for (GuardKind k : {GuardKind::kGuardInstall, GuardKind::kMprotect, GuardKind::kCanary}) {
    if (std::strcmp(text, guard_kind_name(k)) == 0) return k;
  }
  warn("UMCG_STACK_GUARD=%s is not one of guard_install, mprotect, canary", text);
  return otherwise;
}

GuardKind probe() noexcept {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (page == MAP_FAILED) return GuardKind::kMprotect;
  const bool works = ::madvise(page, 4096, kMadvGuardInstall) == 0;
  ::munmap(page, 4096);
  return works ? GuardKind::kGuardInstall : GuardKind::kMprotect;
}

GuardKind choose() noexcept {
  const GuardKind best = probe();
  const char* forced = std::getenv("UMCG_STACK_GUARD");
  return forced != nullptr && *forced != '\0' ? parse(forced, best) : best;
}

// One system call for many guards, where the kernel takes our own pid that way.
bool install_vector(char* first, std::size_t count, std::size_t stride, std::size_t size) noexcept {
  iovec areas[kVector];
  for (std::size_t i = 0; i < count; ++i) areas[i] = {first + i * stride, size};
  return ::syscall(SYS_process_madvise, kPidfdSelf, areas, count, kMadvGuardInstall, 0) ==
         static_cast<long>(count * size);
}

}  // namespace

const char* guard_kind_name(GuardKind kind) noexcept {
  switch (kind) {
    case GuardKind::kGuardInstall:
      return "guard_install";
    case GuardKind::kMprotect:
      return "mprotect";
    case GuardKind::kCanary:
      return "canary";
  }
  return "?";
}

GuardKind guard_kind() noexcept {
  static const GuardKind kind = choose();
  return kind;
}

std::size_t install_guards(char* first, std::size_t count, std::size_t stride,
                           std::size_t size) noexcept {
  const GuardKind kind = guard_kind();
  if (kind == GuardKind::kCanary) return 0;
  std::size_t done = 0;
  while (done < count) {
    const std::size_t n = std::min(count - done, kVector);
    char* area = first + done * stride;
    if (kind == GuardKind::kGuardInstall && n > 1 && install_vector(area, n, stride, size)) {
      done += n;
      continue;
    }
    const int failed = kind == GuardKind::kGuardInstall ? ::madvise(area, size, kMadvGuardInstall)
                                                        : ::mprotect(area, size, PROT_NONE);
    if (failed != 0) return done;
    ++done;
  }
  return done;
}

}  // namespace umcg::inline v0::internal
