// SPDX-License-Identifier: Apache-2.0
// oracle_case.h - the base of tests that are run with each kind of block oracle.
#ifndef UMCG_TESTS_KERNEL_SHIM_ORACLE_CASE_H_
#define UMCG_TESTS_KERNEL_SHIM_ORACLE_CASE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "kernel_shim/block_oracle.h"

namespace umcg_test {

// On a crowded machine the self-test may run out of patience.
inline bool works_sometimes(umcg::internal::shim::BlockOracle& oracle) {
  for (int i = 0; i < 20; ++i) {
    if (oracle_works(oracle)) return true;
  }
  return false;
}

class OracleCase : public ::testing::TestWithParam<umcg::internal::shim::OracleKind> {
 protected:
  using Kind = umcg::internal::shim::OracleKind;

  void SetUp() override {
    oracle_ = make_oracle(GetParam());
    if (oracle_ == nullptr || !works_sometimes(*oracle_)) {
      GTEST_SKIP() << "this machine does not permit the oracle " << name_of(GetParam());
    }
  }

  umcg::internal::shim::BlockOracle& oracle() { return *oracle_; }

 private:
  std::unique_ptr<umcg::internal::shim::BlockOracle> oracle_;
};

inline std::string kind_name(
    const ::testing::TestParamInfo<umcg::internal::shim::OracleKind>& info) {
  return std::string(name_of(info.param));
}

#define UMCG_TEST_ALL_ORACLES(Suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(All, Suite,                                                 \
                           ::testing::Values(umcg::internal::shim::OracleKind::kClock, \
                                             umcg::internal::shim::OracleKind::kProc,  \
                                             umcg::internal::shim::OracleKind::kPerf,  \
                                             umcg::internal::shim::OracleKind::kBpf),  \
                           umcg_test::kind_name)

}  // namespace umcg_test

#endif  // UMCG_TESTS_KERNEL_SHIM_ORACLE_CASE_H_
