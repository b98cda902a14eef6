// SPDX-License-Identifier: Apache-2.0
// A file compiled without exceptions beside this one takes them away from nobody.
#include "headers/mixed_exceptions.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

int twice(int x) { return 2 * x; }
int fail(int /*unused*/) { throw std::runtime_error("from the fiber"); }

TEST(MixedExceptions, TravelToJoin) {
  umcg::Runtime rt;
  rt.run([] {
    EXPECT_EQ(umcg_test::spawn_without(twice, 21), 42);
    auto fiber = umcg::spawn(&fail, 1);
    EXPECT_THROW(fiber.join(), std::runtime_error);
  });
}

TEST(MixedExceptions, TravelToTheScopeAndTheFuture) {
  umcg::Runtime rt;
  rt.run([] {
    EXPECT_EQ(umcg_test::scope_without(twice, 21), 42);
    umcg::Scope scope;
    auto result = scope.spawn(&fail, 1);
    EXPECT_THROW(scope.join(), std::runtime_error);
    EXPECT_THROW(result.get(), std::runtime_error);
  });
}

}  // namespace
