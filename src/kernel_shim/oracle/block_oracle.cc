// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/block_oracle.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace umcg::inline v0::internal::shim {

bool BlockOracle::attach(Subject& subject) noexcept {
  subject.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  return pthread_getcpuclockid(pthread_self(), &subject.clock) == 0;
}

void BlockOracle::detach(Subject&) noexcept {}

}  // namespace umcg::inline v0::internal::shim
