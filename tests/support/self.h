// SPDX-License-Identifier: Apache-2.0
// self.h - starts the test program anew, to run one of its tests in other surroundings.
#ifndef UMCG_TESTS_SUPPORT_SELF_H_
#define UMCG_TESTS_SUPPORT_SELF_H_

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace umcg_test {

// Runs `before PROGRAM --gtest_filter=filter` by the shell. True if that succeeded.
inline bool run_self(const std::string& before, const std::string& filter) {
  char self[4096] = "";
  if (::readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return false;
  const std::string command = before + " '" + self + "' --gtest_filter='" + filter + "' >/dev/null";
  return std::system(command.c_str()) == 0;
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_SELF_H_
