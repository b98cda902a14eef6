// SPDX-License-Identifier: Apache-2.0
// condvar_backend.cc - UMCG_TEST_BACKEND=condvar: tasks sleep on condition variables.
//
// As different from futexes as can be: the comparison is made under a lock of user space, there is
// no EINTR, one wake-up disturbs strangers whose words share the lock, and swap is one call. What
// passes on both rests on nothing but the seam's contract.
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel_shim/backend.h"
#include "kernel_shim/futex.h"

namespace {

namespace shim = umcg::internal::shim;

struct Bed {
  pthread_mutex_t mutex;
  pthread_cond_t turn;
};
constexpr std::size_t kBeds = 16;  // few, so that words share them
Bed g_beds[kBeds];
std::atomic<long> g_sleeps{0};

Bed& bed_of(const std::uint32_t* word) {
  return g_beds[reinterpret_cast<std::uintptr_t>(word) / 64 % kBeds];
}

int sleep(const std::uint32_t* word, std::uint32_t expected, std::int64_t deadline_ns) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  g_sleeps.fetch_add(1, std::memory_order_relaxed);
  const auto differs = [=] { return __atomic_load_n(word, __ATOMIC_ACQUIRE) != expected; };
  Bed& bed = bed_of(word);
  pthread_mutex_lock(&bed.mutex);
  int result = -EAGAIN;
  if (!differs()) {
    if (deadline_ns == shim::kNever) {
      result = -pthread_cond_wait(&bed.turn, &bed.mutex);
    } else {
      const std::int64_t ns = deadline_ns < 0 ? 0 : deadline_ns;
      const timespec time = {.tv_sec = ns / kSecond, .tv_nsec = ns % kSecond};
      result = -pthread_cond_timedwait(&bed.turn, &bed.mutex, &time);
    }
  }
  pthread_mutex_unlock(&bed.mutex);
  return result;
}

void wake(const std::uint32_t* word) noexcept {
  Bed& bed = bed_of(word);
  pthread_mutex_lock(&bed.mutex);
  pthread_cond_broadcast(&bed.turn);
  pthread_mutex_unlock(&bed.mutex);
}

void swap(const std::uint32_t* next, const std::uint32_t* word, std::uint32_t expected,
          std::int64_t deadline_ns) noexcept {
  wake(next);
  sleep(word, expected, deadline_ns);
}

bool init_beds() noexcept {
  pthread_condattr_t monotonic;
  if (pthread_condattr_init(&monotonic) != 0) return false;
  bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0;
  for (Bed& bed : g_beds) {
    ok = ok && pthread_mutex_init(&bed.mutex, nullptr) == 0 &&
         pthread_cond_init(&bed.turn, &monotonic) == 0;
  }
  return ok;
}

// Several threads may probe at once, and one of them may already sleep.
bool probe() noexcept {
  static const bool ok = init_beds();
  return ok;
}

constexpr shim::Backend kCondvar = {"condvar", &probe, &sleep, &wake, &swap};

[[maybe_unused]] const bool g_offered = [] {
  const char* wanted = std::getenv("UMCG_TEST_BACKEND");
  if (wanted == nullptr) return false;
  if (std::strcmp(wanted, kCondvar.name) != 0 || !shim::offer_backend(kCondvar)) std::abort();
  // A test that has run on something else has shown nothing.
  std::atexit([] {
    if (g_sleeps.load() != 0) return;
    std::fputs("the backend under test was never used\n", stderr);
    std::_Exit(1);
  });
  return true;
}();

}  // namespace
