// SPDX-License-Identifier: Apache-2.0
#include "runtime/context/context.h"

#include <pthread.h>

namespace umcg::inline v0::internal {

void Context::describe_thread() noexcept {
#if UMCG_ASAN
  pthread_attr_t attr;
  if (pthread_getattr_np(pthread_self(), &attr) == 0) {
    void* address = nullptr;
    pthread_attr_getstack(&attr, &address, &size);
    bottom = address;
    pthread_attr_destroy(&attr);
  }
#endif
#if UMCG_TSAN
  tsan = __tsan_get_current_fiber();
#endif
}

}  // namespace umcg::inline v0::internal
