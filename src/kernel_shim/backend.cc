// SPDX-License-Identifier: Apache-2.0
#include "kernel_shim/backend.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "kernel_shim/futex.h"

namespace umcg::inline v0::internal::shim {
namespace {

int futex_sleep(const std::uint32_t* word, std::uint32_t expected,
                std::int64_t deadline_ns) noexcept {
  return futex_wait(word, expected, deadline_ns);
}

void futex_wake_one(const std::uint32_t* word) noexcept { futex_wake(word, 1); }

constexpr Backend kFutex = {"futex", &futex_works, &futex_sleep, &futex_wake_one, nullptr};

// In order of preference.
constexpr const Backend* kBackends[] = {&kFutex};

// Written by offer_backend(), read by choose_backend().
constinit std::atomic<const Backend*> g_offered{nullptr};
// Written by choose_backend(): every thread would write the same. What it points to is constant.
constinit std::atomic<const Backend*> g_chosen{nullptr};

bool works(const Backend* backend) { return backend != nullptr && backend->probe(); }

const Backend& first_that_works() {
  if (const Backend* offered = g_offered.load(); works(offered)) return *offered;
  for (const Backend* backend : kBackends) {
    if (works(backend)) return *backend;
  }
  std::fputs("umcg: this system has no way for a thread to sleep\n", stderr);
  std::abort();
}

}  // namespace

bool offer_backend(const Backend& backend) noexcept {
  if (g_chosen.load() != nullptr) return false;
  g_offered.store(&backend);
  return true;
}

void choose_backend() noexcept {
  if (g_chosen.load(std::memory_order_relaxed) == nullptr) g_chosen.store(&first_that_works());
}

// relaxed: who has a task has called choose_backend(), or got the task from one who has.
const Backend& current_backend() noexcept { return *g_chosen.load(std::memory_order_relaxed); }

}  // namespace umcg::inline v0::internal::shim
