// SPDX-License-Identifier: Apache-2.0
#include "runtime/context/thread_state.h"
#include "runtime/cpu_count.h"
#include "runtime/runtime_core.h"
#include "umcg/blocking.h"

namespace umcg::inline v0::internal {

void run_unpinned(void (*f)(void*), void* argument) {
  Worker* const w = current_worker();
  if (w == nullptr || w->pinned_cpu < 0) return f(argument);
  struct Region {
    const CpuList tied = CpuList::current();
    explicit Region(const RuntimeCore& rt) { rt.cpus().use(); }
    ~Region() { tied.use(); }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
  } region(*w->rt);
  f(argument);
}

}  // namespace umcg::inline v0::internal
