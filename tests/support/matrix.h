// SPDX-License-Identifier: Apache-2.0
// matrix.h - the runtimes that the key tests run on: servers {1, 2, 4} x hand-off {auto, chaos}.
//
//     using LaunchTest = umcg_test::MatrixTest;
//     TEST_P(LaunchTest, Returns) { umcg::Runtime rt(options()); ... }
//     UMCG_INSTANTIATE_MATRIX(LaunchTest);
#ifndef UMCG_TESTS_SUPPORT_MATRIX_H_
#define UMCG_TESTS_SUPPORT_MATRIX_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "umcg/runtime.h"

namespace umcg_test {

struct MatrixCase {
  int servers;
  umcg::Handoff handoff;
};

inline std::vector<MatrixCase> matrix() {
  std::vector<MatrixCase> cases;
  for (umcg::Handoff handoff : {umcg::Handoff::kAuto, umcg::Handoff::kChaos}) {
    for (int servers : {1, 2, 4}) cases.push_back({servers, handoff});
  }
  return cases;
}

inline std::string handoff_name(umcg::Handoff handoff) {
  switch (handoff) {
    case umcg::Handoff::kAuto:
      return "auto";
    case umcg::Handoff::kMonitor:
      return "monitor";
    case umcg::Handoff::kOff:
      return "off";
    case umcg::Handoff::kChaos:
      return "chaos";
  }
  return "unknown";
}

inline std::string matrix_name(const ::testing::TestParamInfo<MatrixCase>& info) {
  return "servers" + std::to_string(info.param.servers) + "_" + handoff_name(info.param.handoff);
}

class MatrixTest : public ::testing::TestWithParam<MatrixCase> {
 protected:
  static umcg::RuntimeOptions options() {
    umcg::RuntimeOptions options;
    options.servers = GetParam().servers;
    options.handoff = GetParam().handoff;
    return options;
  }
};

}  // namespace umcg_test

#define UMCG_INSTANTIATE_MATRIX(suite)                                                \
  INSTANTIATE_TEST_SUITE_P(Matrix, suite, ::testing::ValuesIn(::umcg_test::matrix()), \
                           ::umcg_test::matrix_name)

#endif  // UMCG_TESTS_SUPPORT_MATRIX_H_
