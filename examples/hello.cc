// SPDX-License-Identifier: Apache-2.0
// hello.cc - a thousand fibers on all CPUs, each of which may block like a thread.
#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/wait_group.h"

int main() {
  umcg::Runtime rt;
  const int total = rt.run([] {
    umcg::Mutex mutex;
    umcg::WaitGroup jobs(1000);
    int sum = 0;
    for (int i = 1; i <= 1000; ++i) {
      umcg::post([&, i] {
        ::usleep(100);  // blocks in the kernel; the other fibers run on
        {
          std::scoped_lock lock(mutex);
          sum += i;
        }
        jobs.done();
      });
    }
    jobs.wait();
    return sum;
  });
  std::printf("1 + 2 + ... + 1000 = %d\n", total);
}
