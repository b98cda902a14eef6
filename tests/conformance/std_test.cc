// SPDX-License-Identifier: Apache-2.0
// The standard library against its own rules: what std_semantics.h demands is what std does.
#include <gtest/gtest.h>

#include <barrier>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/death.h"
#include "support/sanitizers.h"

namespace ns = std;
#define SUITE StdSemantics
#define SUITE_DEATHS StdSemanticsDeathTest

// ThreadSanitizer's pthread_once() does not survive an exception.
constexpr bool kOnceMayFail = !umcg_test::kTsan;

template <class F>
void run_everywhere(F body) {
  body();
}

#include "conformance/std_semantics.h"
