// SPDX-License-Identifier: Apache-2.0
// A plain thread's end: what it has of ours is given back, also what its last destructors took.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

#include "kernel_shim/task.h"
#include "runtime/context/thread_state.h"
#include "runtime/waiting/thread_record.h"
#include "support/sanitizers.h"
#include "umcg/event.h"
#include "umcg/fiber_local.h"
#include "umcg/kernel.h"

namespace {

umcg::Event never;
std::atomic<umcg_tid> last_task{0};
std::atomic<int> values{0};

struct Counted {
  Counted() { ++values; }
  ~Counted() { --values; }
};
umcg::FiberLocal<Counted> own;

void use_everything() {
  (void)never.wait_for(std::chrono::microseconds(1));
  (void)own.get();
  last_task = umcg::internal::shim::tid_of(umcg::internal::thread_task());
}

// Older than what the thread has of ours, so destroyed after that.
struct UsesItAtTheEnd {
  bool used = false;
  ~UsesItAtTheEnd() { use_everything(); }
};
thread_local UsesItAtTheEnd last_user;

int taken_records() {
  int taken = 0;
  for (const auto* r = umcg::internal::first_thread_record(); r != nullptr; r = r->next) {
    taken += static_cast<int>(r->token.load() != 0);
  }
  return taken;
}

TEST(ThreadEnd, NothingIsLeft) {
  use_everything();
  const int records = taken_records();
  const int before = values;
  for (int i = 0; i < umcg_test::scaled(100); ++i) {
    std::thread([] {
      last_user.used = true;
      use_everything();
    }).join();
    std::uint32_t state;
    ASSERT_EQ(umcg::internal::shim::get_state(last_task, &state), -ESRCH);
    ASSERT_EQ(taken_records(), records);
    ASSERT_EQ(values, before);
  }
}

}  // namespace
