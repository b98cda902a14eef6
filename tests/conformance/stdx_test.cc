// SPDX-License-Identifier: Apache-2.0
// umcg under the standard's names, by the standard's rules; on a thread that has entered a runtime,
// and on a fiber.
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/death.h"
#include "umcg/runtime.h"
#include "umcg/std_names.h"

namespace ns = umcg::stdx;
#define SUITE StdxSemantics
#define SUITE_DEATHS StdxSemanticsDeathTest

constexpr bool kOnceMayFail = true;

template <class F>
void run_everywhere(F body) {
  for (umcg::Handoff handoff : {umcg::Handoff::kAuto, umcg::Handoff::kChaos}) {
    umcg::Runtime rt({.servers = 2, .handoff = handoff});
    {
      const auto entered = rt.enter();
      body();
    }
    rt.run(body);
  }
}

#include "conformance/std_semantics.h"
