// SPDX-License-Identifier: Apache-2.0
// handoff_modes.h - the ways of block detection that the tests of hand-off run under. A new one is
// added here.
//
//     using Reads = umcg_test::HandoffTest;
//     TEST_P(Reads, End) { umcg::Runtime rt({.servers = 1}); ... }
//     UMCG_INSTANTIATE_HANDOFFS(Reads);
//
// A mode is a value of UMCG_HANDOFF, which wins over RuntimeOptions::handoff. It is set before the
// test's first thread starts and taken back after its last one has ended.
#ifndef UMCG_TESTS_SUPPORT_HANDOFF_MODES_H_
#define UMCG_TESTS_SUPPORT_HANDOFF_MODES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace umcg_test {

// In all of these a fiber that blocks in the kernel does not stop those behind it.
inline std::vector<std::string> handoff_modes() { return {"auto", "monitor", "chaos"}; }

// Also the one in which it does: for what is to be shown of both.
inline std::vector<std::string> handoff_modes_and_off() {
  auto modes = handoff_modes();
  modes.emplace_back("off");
  return modes;
}

inline std::string mode_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

class HandoffMode {
 public:
  explicit HandoffMode(const std::string& mode) {
    if (const char* before = std::getenv(kVariable)) before_ = before;
    ::setenv(kVariable, mode.c_str(), 1);
  }
  ~HandoffMode() {
    if (before_) {
      ::setenv(kVariable, before_->c_str(), 1);
    } else {
      ::unsetenv(kVariable);
    }
  }
  HandoffMode(const HandoffMode&) = delete;
  HandoffMode& operator=(const HandoffMode&) = delete;

 private:
  static constexpr const char* kVariable = "UMCG_HANDOFF";
  std::optional<std::string> before_;
};

class HandoffTest : public ::testing::TestWithParam<std::string> {
 private:
  HandoffMode mode_{GetParam()};
};

}  // namespace umcg_test

#define UMCG_INSTANTIATE_HANDOFFS(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Handoffs, suite, ::testing::ValuesIn(::umcg_test::handoff_modes()), \
                           ::umcg_test::mode_name)
#define UMCG_INSTANTIATE_HANDOFFS_AND_OFF(suite)                                      \
  INSTANTIATE_TEST_SUITE_P(Handoffs, suite,                                           \
                           ::testing::ValuesIn(::umcg_test::handoff_modes_and_off()), \
                           ::umcg_test::mode_name)

#endif  // UMCG_TESTS_SUPPORT_HANDOFF_MODES_H_
