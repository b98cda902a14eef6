// SPDX-License-Identifier: Apache-2.0
// cpu_count.h - how many CPUs this process may use, and how many threads it may start.
#ifndef UMCG_RUNTIME_CPU_COUNT_H_
#define UMCG_RUNTIME_CPU_COUNT_H_

#include <string>
#include <vector>

namespace umcg::inline v0::internal {

// The CPUs of the affinity mask, in order. At least one.
std::vector<int> affinity_cpus();

// CPUs' worth of time that the cgroup quota grants, rounded up; 0 if there is none. `root` is
// prefixed to all paths read, for tests.
int cgroup_quota_cpus(const std::string& root = "");

// The CPUs to use: the affinity mask's, within the quota.
int usable_cpus();

// How many workers RLIMIT_NPROC and the cgroup's pids.max leave room for, within reason.
int default_max_workers();

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CPU_COUNT_H_
