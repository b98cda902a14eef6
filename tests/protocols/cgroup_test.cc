// SPDX-License-Identifier: Apache-2.0
// What the cgroup quota grants, read from a made-up root folder.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "runtime/cpu_count.h"

namespace {

namespace fs = std::filesystem;

class CgroupQuota : public ::testing::Test {
 protected:
  CgroupQuota() {
    std::string pattern = (fs::temp_directory_path() / "umcg_cgroup_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = pattern;
  }
  ~CgroupQuota() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const fs::path full = root_ + path;
    fs::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void v1(const std::string& folder, const std::string& quota, const std::string& period) const {
    write("/sys/fs/cgroup/cpu" + folder + "/cpu.cfs_quota_us", quota + "\n");
    write("/sys/fs/cgroup/cpu" + folder + "/cpu.cfs_period_us", period + "\n");
  }
  int cpus() const { return umcg::internal::cgroup_quota_cpus(root_); }

 private:
  std::string root_;
};

TEST_F(CgroupQuota, NoFilesNoLimit) { EXPECT_EQ(cpus(), 0); }

TEST_F(CgroupQuota, V2) {
  write("/proc/self/cgroup", "0::/a\n");
  EXPECT_EQ(cpus(), 0) << "no cpu.max: the controller is off";
  write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cpus(), 0);
  write("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpus(), 3);
  write("/sys/fs/cgroup/a/cpu.max", "30000 10000\n");
  EXPECT_EQ(cpus(), 3);
}

TEST_F(CgroupQuota, FractionsAreRoundedUp) {
  write("/proc/self/cgroup", "0::/a\n");
  write("/sys/fs/cgroup/a/cpu.max", "10000 100000\n");
  EXPECT_EQ(cpus(), 1);
  write("/sys/fs/cgroup/a/cpu.max", "100001 100000\n");
  EXPECT_EQ(cpus(), 2);
  write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cpus(), 3);
}

TEST_F(CgroupQuota, V2EachLevelLimits) {
  write("/proc/self/cgroup", "0::/a/b/c\n");
  write("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "800000 100000\n");
  EXPECT_EQ(cpus(), 4);
  write("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpus(), 2);
  write("/sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus(), 1);
}

// In a container with a cgroup namespace the own folder is the root of the mount.
TEST_F(CgroupQuota, V2AtTheRoot) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpus(), 2);
}

TEST_F(CgroupQuota, V1) {
  write("/proc/self/cgroup",
        "12:pids:/user\n4:cpu,cpuacct:/docker/x\n3:cpuset:/y\n1:name=systemd:/z\n");
  EXPECT_EQ(cpus(), 0);
  v1("/docker/x", "-1", "100000");
  EXPECT_EQ(cpus(), 0) << "-1: no limit";
  v1("/docker/x", "250000", "100000");
  EXPECT_EQ(cpus(), 3);
  v1("/docker", "100000", "100000");
  EXPECT_EQ(cpus(), 1) << "the level above limits too";
}

// The path is the host's, but the mount shows the container's own folder.
TEST_F(CgroupQuota, V1MountedAtTheOwnFolder) {
  write("/proc/self/cgroup", "4:cpuacct,cpu:/docker/x\n");
  v1("", "200000", "100000");
  EXPECT_EQ(cpus(), 2);
}

TEST_F(CgroupQuota, BothHierarchies) {
  write("/proc/self/cgroup", "4:cpu,cpuacct:/x\n0::/y\n");
  v1("/x", "300000", "100000");
  EXPECT_EQ(cpus(), 3);
  write("/sys/fs/cgroup/y/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpus(), 2);
}

// "cpuset" and "cpuacct" are not "cpu".
TEST_F(CgroupQuota, OtherControllersAreNotAsked) {
  write("/proc/self/cgroup", "4:cpuset,cpuacct:/x\n");
  v1("/x", "300000", "100000");
  EXPECT_EQ(cpus(), 0);
}

TEST_F(CgroupQuota, NonsenseIsNoLimit) {
  for (const char* line :
       {"", "\n", "x\n", "100000\n", "0 100000\n", "100000 0\n", "-1 100000\n"}) {
    write("/proc/self/cgroup", "0::/a\n");
    write("/sys/fs/cgroup/a/cpu.max", line);
    EXPECT_EQ(cpus(), 0) << line;
  }
  for (const char* line : {"", "\n", ":\n", "0:\n", "x:y\n", "0::a\n"}) {
    write("/proc/self/cgroup", line);
    EXPECT_EQ(cpus(), 0) << line;
  }
}

// A path with a colon in it, which is allowed.
TEST_F(CgroupQuota, ColonInThePath) {
  write("/proc/self/cgroup", "0::/a:b\n");
  write("/sys/fs/cgroup/a:b/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpus(), 2);
}

}  // namespace
