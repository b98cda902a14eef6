// SPDX-License-Identifier: Apache-2.0
// test_cgroup.h - TestCgroup: a cgroup of the test's own, below the one it is in, of either
// version.
#ifndef UMCG_TESTS_SUPPORT_TEST_CGROUP_H_
#define UMCG_TESTS_SUPPORT_TEST_CGROUP_H_

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace umcg_test {

class TestCgroup {
 public:
  explicit TestCgroup(const std::string& controller) {
    if (!find_home(controller)) {
      why_not_ = "no cgroup hierarchy with " + controller;
      return;
    }
    folder_ = home_ + "/umcg_test_" + std::to_string(::getpid());
    if (::mkdir(folder_.c_str(), 0755) != 0) {
      folder_.clear();
      why_not_ = "no cgroup can be made in " + home_;
    }
  }
  // Back home, where all threads of the process are taken along.
  ~TestCgroup() {
    if (folder_.empty()) return;
    if (entered_) (void)write(home_ + "/cgroup.procs", std::to_string(::getpid()));
    // The kernel may still be at work on those that have just left.
    for (int i = 0; i < 1000 && ::rmdir(folder_.c_str()) != 0; ++i) ::usleep(1000);
  }
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;

  // "": it is there.
  const std::string& why_not() const { return why_not_; }

  bool set(const std::string& file, const std::string& value) const {
    return write(folder_ + "/" + file, value);
  }
  bool set_quota(int quota, int period) const {
    const std::string q = std::to_string(quota), p = std::to_string(period);
    if (version_ == 2) return set("cpu.max", q + " " + p);
    return set("cpu.cfs_period_us", p) && set("cpu.cfs_quota_us", q);
  }
  bool enter() {
    entered_ = set("cgroup.procs", std::to_string(::getpid()));
    return entered_;
  }

 private:
  // Where we are in the hierarchy that has the controller.
  bool find_home(const std::string& controller) {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
      std::istringstream fields(line);
      std::string id, controllers, path;
      std::getline(fields, id, ':');
      std::getline(fields, controllers, ':');
      std::getline(fields, path);
      if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
        version_ = 1;
        home_ = "/sys/fs/cgroup/" + controller + path;
        return true;
      }
      if (controllers.empty() &&
          has_word("/sys/fs/cgroup" + path + "/cgroup.controllers", controller)) {
        version_ = 2;
        home_ = "/sys/fs/cgroup" + path;
        return true;
      }
    }
    return false;
  }
  static bool has_word(const std::string& path, const std::string& word) {
    std::ifstream file(path);
    for (std::string found; file >> found;) {
      if (found == word) return true;
    }
    return false;
  }
  static bool write(const std::string& path, const std::string& value) {
    std::ofstream file(path);
    file << value << std::flush;
    return file.good();
  }

  int version_ = 0;
  bool entered_ = false;
  std::string home_;
  std::string folder_;
  std::string why_not_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_TEST_CGROUP_H_
