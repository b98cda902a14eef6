// SPDX-License-Identifier: Apache-2.0
// eventually.h - waiting for what no object can tell: a generous bound instead of a hopeful sleep.
#ifndef UMCG_TESTS_SUPPORT_EVENTUALLY_H_
#define UMCG_TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>

#include "umcg/this_fiber.h"

namespace umcg_test {

// Longer than anything takes on a loaded machine under a sanitizer.
inline constexpr std::chrono::seconds kLong{120};

// Asks until the condition holds; false only after kLong. On a fiber it lets the others run.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    umcg::this_fiber::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_EVENTUALLY_H_
