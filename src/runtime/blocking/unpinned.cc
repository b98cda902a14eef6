// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include "runtime/context/thread_state.h"
#include "runtime/runtime_core.h"
#include "umcg/blocking.h"

namespace umcg::inline v0::internal {

void run_unpinned(void (*f)(void*), void* argument) {
  Worker* const w = current_worker();
  if (w == nullptr || w->pinned_cpu < 0) return f(argument);
  struct Region {
    cpu_set_t tied;
    explicit Region(const Worker& worker) noexcept {
      sched_getaffinity(0, sizeof tied, &tied);
      worker.rt->cpus().use();
    }
    ~Region() { sched_setaffinity(0, sizeof tied, &tied); }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
  } region(*w);
  f(argument);
}

}  // namespace umcg::inline v0::internal
