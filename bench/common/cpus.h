// SPDX-License-Identifier: Apache-2.0
// cpus.h - which CPUs a benchmark may use.
//
// "2 servers" means two CPUs for everybody: whatever is compared runs with its threads confined to
// the first two CPUs of the process, so that a pool of 64 threads gets no more machine than a
// runtime of two servers.
#ifndef UMCG_BENCH_COMMON_CPUS_H_
#define UMCG_BENCH_COMMON_CPUS_H_

#include <sched.h>

#include <cstdio>
#include <cstdlib>

namespace bench {

// The CPUs that the process was started on. First called before anything is confined.
inline const cpu_set_t& process_cpus() {
  static const cpu_set_t cpus = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
    return set;
  }();
  return cpus;
}

inline int usable_cpus() { return CPU_COUNT(&process_cpus()); }

// Confines this thread, and the threads that it creates meanwhile, to `count` of the process's
// CPUs, counted from the `first` one.
class CpuScope {
 public:
  explicit CpuScope(int count, int first = 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int index = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &process_cpus())) continue;
      if (index >= first && index < first + count) CPU_SET(cpu, &set);
      ++index;
    }
    sched_getaffinity(0, sizeof before_, &before_);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
      // A line measured on other CPUs than it says would be a lie in the table.
      std::perror("sched_setaffinity");
      std::abort();
    }
  }
  ~CpuScope() { sched_setaffinity(0, sizeof before_, &before_); }
  CpuScope(const CpuScope&) = delete;
  CpuScope& operator=(const CpuScope&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_CPUS_H_
