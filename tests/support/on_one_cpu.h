// SPDX-License-Identifier: Apache-2.0
// on_one_cpu.h - confines a test's threads to one CPU.
#ifndef UMCG_TESTS_SUPPORT_ON_ONE_CPU_H_
#define UMCG_TESTS_SUPPORT_ON_ONE_CPU_H_

#include <sched.h>

namespace umcg_test {

// Keeps the calling thread, and those that it starts, on one CPU: a switch there is an order of
// magnitude cheaper than a wake-up of another CPU, and preempts in other places.
class OnOneCpu {
 public:
  OnOneCpu() {
    sched_getaffinity(0, sizeof saved_, &saved_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneCpu() { sched_setaffinity(0, sizeof saved_, &saved_); }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;

 private:
  cpu_set_t saved_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_ON_ONE_CPU_H_
