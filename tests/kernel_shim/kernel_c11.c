// SPDX-License-Identifier: Apache-2.0
// kernel_c11.c - umcg/kernel.h as a C11 program sees it.
#include "umcg/kernel.h"

#include <errno.h>

_Static_assert(sizeof(umcg_tid) == 8, "a tid is 64 bits wide in every language");

// Calls every function once. Returns 0, or the line that went wrong.
int kernel_c11_use_all(void);

#define REQUIRE(condition) \
  do {                     \
    if (!(condition)) {    \
      result = __LINE__;   \
      goto out;            \
    }                      \
  } while (0)

int kernel_c11_use_all(void) {
  int result = 0;
  umcg_tid self = 0;
  umcg_tid other = 0;
  uint32_t state = 0;
  int group = 0;
  const struct timespec past = {.tv_sec = 0, .tv_nsec = 1};

  if (umcg_api_version(UMCG_API_VERSION, 0) != 0) return __LINE__;
  if (umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &self) != 0) {
    return __LINE__;
  }
  REQUIRE(self != 0);
  REQUIRE(umcg_get_task_state(self, &state) == 0 && state == UMCG_TASK_RUNNING);
  REQUIRE(umcg_wake(0, self) == 0);
  REQUIRE(umcg_get_task_state(self, &state) == 0);
  REQUIRE(state == (UMCG_TASK_RUNNING | UMCG_TF_WAKEUP_QUEUED));
  REQUIRE(umcg_wait(0, NULL) == 0);
  REQUIRE(umcg_wait(0, &past) == -ETIMEDOUT);
  REQUIRE(umcg_swap(0, self, 0, &past) == -EINVAL);
  REQUIRE(umcg_poll_worker(UMCG_POLL_NOWAIT, &other) == -EINVAL);
  REQUIRE(umcg_run_worker(0, self, &other) == -EINVAL);
  REQUIRE(umcg_preempt_worker(0, self) == -EINVAL);
  group = umcg_create_group(UMCG_API_VERSION, 0);
  REQUIRE(group > 0);
  REQUIRE(umcg_destroy_group((uint32_t)group) == 0);
out:
  if (umcg_unregister_task(0) != 0 && result == 0) result = __LINE__;
  return result;
}
