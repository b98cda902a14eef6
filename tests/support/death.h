// SPDX-License-Identifier: Apache-2.0
// death.h - the base of tests that end a process.
//
// The threadsafe style starts the test binary anew for each death, so that nothing of the parent's
// threads is left in it. Make runtimes inside the statement that dies.
#ifndef UMCG_TESTS_SUPPORT_DEATH_H_
#define UMCG_TESTS_SUPPORT_DEATH_H_

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace umcg_test {

// For the constructor of a fixture that has another base.
inline void prepare_for_deaths() {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const rlimit no_core{0, 0};  // deaths are the normal case here
  ::setrlimit(RLIMIT_CORE, &no_core);
}

class DeathTest : public ::testing::Test {
 protected:
  DeathTest() { prepare_for_deaths(); }
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_DEATH_H_
