// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu_count.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <span>
#include <sstream>

namespace umcg::inline v0::internal {
namespace {

// The folder of our cgroup in the hierarchy that has `controller` ("": the unified one), "" if
// none.
std::string cgroup_path(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string id, controllers, path;
    if (!std::getline(fields, id, ':') || !std::getline(fields, controllers, ':') ||
        !std::getline(fields, path)) {
      continue;
    }
    std::istringstream names(controllers);
    bool found = controllers.empty() && controller.empty();
    for (std::string name; std::getline(names, name, ',');) found |= name == controller;
    if (found) return path;
  }
  return "";
}

std::string read_first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Calls look(folder) for our cgroup and those above it: each of them limits us.
template <class Look>
void for_each_level(const std::string& mount, std::string path, Look look) {
  for (;;) {
    look(mount + (path == "/" ? "" : path));
    const std::size_t slash = path.rfind('/');
    if (path.size() <= 1 || slash == std::string::npos) return;
    path.resize(std::max<std::size_t>(slash, 1));
  }
}

double ratio(const std::string& quota, const std::string& period) {
  const double q = std::atof(quota.c_str());
  const double p = std::atof(period.c_str());
  return q > 0 && p > 0 ? q / p : 0;
}

bool set_affinity(pid_t thread, std::span<const int> cpus) noexcept {
  constexpr int kPossible = 8192;  // as many as a kernel can be built for
  alignas(cpu_set_t) unsigned char memory[kPossible / 8] = {};
  auto* const set = reinterpret_cast<cpu_set_t*>(memory);
  for (const int cpu : cpus) {
    if (cpu < kPossible) CPU_SET_S(static_cast<std::size_t>(cpu), sizeof memory, set);
  }
  return sched_setaffinity(thread, sizeof memory, set) == 0;
}

}  // namespace

CpuList CpuList::current() {
  CpuList list;
  std::vector<int>& cpus = list.cpus_;
  // The kernel refuses a set that is too small for its number of possible CPUs.
  for (int possible = CPU_SETSIZE; possible <= (1 << 20); possible *= 4) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(possible));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(possible));
    CPU_ZERO_S(bytes, set);
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; read && cpu < possible; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (read) break;
  }
  if (cpus.empty()) cpus.push_back(0);
  return list;
}

bool CpuList::use() const noexcept { return set_affinity(0, cpus_); }

bool tie_to_cpu(pid_t thread, int cpu) noexcept { return set_affinity(thread, {&cpu, 1}); }

int cgroup_quota_cpus(const std::string& root) {
  double least = 0;
  const auto limit = [&](double cpus) {
    if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
  };
  if (const std::string path = cgroup_path(root, ""); !path.empty()) {
    for_each_level(root + "/sys/fs/cgroup", path, [&](const std::string& folder) {
      std::istringstream line(read_first_line(folder + "/cpu.max"));
      std::string quota, period;
      line >> quota >> period;
      limit(ratio(quota, period));
    });
  }
  if (const std::string path = cgroup_path(root, "cpu"); !path.empty()) {
    for_each_level(root + "/sys/fs/cgroup/cpu", path, [&](const std::string& folder) {
      limit(ratio(read_first_line(folder + "/cpu.cfs_quota_us"),
                  read_first_line(folder + "/cpu.cfs_period_us")));
    });
  }
  return static_cast<int>(least) + (least > static_cast<int>(least) ? 1 : 0);
}

int usable_cpus() {
  const int cpus = static_cast<int>(CpuList::current().size());
  const int quota = cgroup_quota_cpus();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

int default_max_workers() {
  constexpr long kMost = 10'000;
  constexpr long kLeast = 64;
  long room = kMost;
  rlimit limit{};
  if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    room = std::min(room, static_cast<long>(limit.rlim_cur / 2));
  }
  for (const char* controller : {"", "pids"}) {
    const std::string path = cgroup_path("", controller);
    if (path.empty()) continue;
    const std::string mount = std::string("/sys/fs/cgroup") + (*controller != '\0' ? "/pids" : "");
    for_each_level(mount, path, [&](const std::string& folder) {
      const long most = std::atol(read_first_line(folder + "/pids.max").c_str());
      if (most > 0) room = std::min(room, most / 2);
    });
  }
  return static_cast<int>(std::clamp(room, kLeast, kMost));
}

}  // namespace umcg::inline v0::internal
