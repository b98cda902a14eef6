// SPDX-License-Identifier: Apache-2.0
// kernel_c11_test.cc - the C API from C.
#include <gtest/gtest.h>

extern "C" int kernel_c11_use_all(void);

TEST(KernelC11, EveryFunction) { EXPECT_EQ(kernel_c11_use_all(), 0) << "line of kernel_c11.c"; }
