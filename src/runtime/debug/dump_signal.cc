// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/dump_signal.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "kernel_shim/futex.h"
#include "kernel_shim/service_thread.h"
#include "runtime/base/clock.h"
#include "runtime/context/thread_state.h"
#include "runtime/debug/fiber_report.h"
#include "runtime/debug/runtime_list.h"
#include "runtime/debug/thread_view.h"
#include "umcg/dump.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

constexpr std::int64_t kPatience = 2'000'000'000;

constinit std::atomic<std::uint32_t> g_asked{0};    // dumps asked for by signals
constinit std::atomic<std::int64_t> g_begun_at{0};  // of the one being written; 0: none is
constinit std::atomic<bool> g_handler_writes{false};
constinit std::atomic<pid_t> g_process{0};  // whose thread it is: a forked child has none

// In static memory, since a handler has no other. Constructed at the first use.
alignas(FiberReport) constinit std::byte g_report[sizeof(FiberReport)]{};

void write_all(FiberReport& report) {
  RuntimeList::for_each([&](RuntimeCore& rt) { report.write_runtime(rt); });
}

void serve() noexcept {
  std::uint32_t done = 0;
  for (;;) {
    const std::uint32_t asked = g_asked.load(std::memory_order_acquire);
    if (asked == done) {
      shim::futex_wait(g_asked, asked, kNeverNs);
      continue;
    }
    done = asked;
    g_begun_at.store(now_ns(), std::memory_order_release);
    try {
      write_all(*std::make_unique<FiberReport>(write_to_fd, STDERR_FILENO, true));
    } catch (const std::exception&) {
      dump_from_handler();
    }
    g_begun_at.store(0, std::memory_order_release);
  }
}

void on_signal(int) noexcept {
  int* const error = errno_location();
  const int before = *error;
  if (g_process.load(std::memory_order_relaxed) == ::getpid()) {
    const std::int64_t begun = g_begun_at.load(std::memory_order_acquire);
    if (begun != 0 && now_ns() - begun > kPatience) {
      dump_from_handler();
    } else {
      g_asked.fetch_add(1, std::memory_order_release);
      shim::futex_wake(g_asked, 1);
    }
  }
  *error = before;
}

}  // namespace

namespace internal {

void dump_from_handler() noexcept {
  if (g_handler_writes.exchange(true, std::memory_order_acquire)) return;
  FiberReport* const report = ::new (g_report) FiberReport(write_to_fd, STDERR_FILENO, false);
  write_all(*report);
  report->~FiberReport();
  g_handler_writes.store(false, std::memory_order_release);
}

}  // namespace internal

void dump_on_signal(int signal) {
  static std::mutex lock;
  std::lock_guard guard(lock);
  if (g_process.load(std::memory_order_relaxed) != ::getpid()) {
    (void)prepare_to_ask();
    start_service_thread("umcg/dump", serve).detach();
    g_process.store(::getpid(), std::memory_order_relaxed);
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (sigaction(signal, &action, nullptr) != 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "umcg::dump_on_signal");
  }
}

}  // namespace umcg::inline v0
