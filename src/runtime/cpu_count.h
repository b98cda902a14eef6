// SPDX-License-Identifier: Apache-2.0
// cpu_count.h - how many CPUs this process may use, and how many threads it may start.
#ifndef UMCG_RUNTIME_CPU_COUNT_H_
#define UMCG_RUNTIME_CPU_COUNT_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace umcg::inline v0::internal {

// The CPUs of an affinity mask, in order. At least one.
class CpuList {
 public:
  // The caller's.
  static CpuList current();
  std::size_t size() const noexcept { return cpus_.size(); }
  int operator[](std::size_t i) const noexcept { return cpus_[i]; }
  // Makes it the calling thread's mask. False if the kernel refuses. Safe in a forked child.
  bool use() const noexcept;

 private:
  std::vector<int> cpus_;
};

// Ties a thread of this process (0: the caller) to one CPU. False if the kernel refuses. Allocates
// nothing.
bool tie_to_cpu(pid_t thread, int cpu) noexcept;

// CPUs' worth of time that the cgroup quota grants, rounded up; 0 if there is none. `root` is
// prefixed to all paths read, for tests.
int cgroup_quota_cpus(const std::string& root = "");

// The CPUs to use: the affinity mask's, within the quota.
int usable_cpus();

// How many workers RLIMIT_NPROC and the cgroup's pids.max leave room for, within reason.
int default_max_workers();

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CPU_COUNT_H_
