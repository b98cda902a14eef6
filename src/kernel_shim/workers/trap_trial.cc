// SPDX-License-Identifier: Apache-2.0
// trap_trial.cc - do traps work, here and now?
//
// As with the block oracles, error codes do not tell: sandboxes accept what they do not do. A
// thread blocks in read(2) and is given a trap at the address where it will go on; when the read
// has returned, the handler must have run already. Then it computes until it is caught, or for as
// long as we have patience.
#include "kernel_shim/workers/trap_trial.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "kernel_shim/oracle/proc_files.h"
#include "kernel_shim/service_thread.h"
#include "kernel_shim/workers/trap.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr int kNaps = 4000;  // of 50 us and more

// Written and read by the thread that is tried and the handler on it, and by the tester.
std::atomic<pid_t> g_thread{0};
std::atomic<bool> g_caught{false};
constinit Trap g_trap;

void nap() noexcept {
  constexpr timespec kNap{0, 50'000};
  ::nanosleep(&kNap, nullptr);
}

template <class Condition>
bool soon(Condition condition) noexcept {
  for (int i = 0; i < kNaps; ++i) {
    if (condition()) return true;
    nap();
  }
  return condition();
}

struct Results {
  bool at_address = false;
  bool in_user_code = false;
};

class Pipe {
 public:
  Pipe() : is_open_(::pipe(fds_) == 0) {}
  ~Pipe() {
    if (!is_open_) return;
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  bool is_open() const { return is_open_; }
  bool read_byte() {
    char c;
    return ::read(fds_[0], &c, 1) == 1;
  }
  bool write_byte() { return ::write(fds_[1], "", 1) == 1; }

 private:
  int fds_[2];
  const bool is_open_;
};

Results try_both() {
  Results results;
  Pipe pipe;
  if (!pipe.is_open()) return results;
  std::atomic<bool> computing{false};
  std::atomic<bool> given_up{false};
  std::thread thread = start_service_thread("umcg/trap-trial", [&] {
    sigset_t trap;
    sigemptyset(&trap);
    sigaddset(&trap, SIGTRAP);
    pthread_sigmask(SIG_UNBLOCK, &trap, nullptr);
    g_thread.store(static_cast<pid_t>(::syscall(SYS_gettid)));
    const bool read = pipe.read_byte();
    results.at_address = g_caught.exchange(false) && read;
    computing.store(true);
    while (!g_caught.load() && !given_up.load()) {
    }
    results.in_user_code = g_caught.load();
  });
  soon([] { return g_thread.load() != 0; });
  const pid_t tid = g_thread.load();
  {
    const ProcFile file(open_file_of(tid, "syscall"));
    std::uint64_t address = 0;
    if (soon([&] { return (address = read_blocked_address(file.fd())) != 0; })) {
      (void)g_trap.set_at_address(tid, address);
    }
  }
  (void)pipe.write_byte();
  soon([&] { return computing.load(); });
  g_trap.clear();
  if (g_trap.set_in_user_code(tid)) soon([] { return g_caught.load(); });
  given_up.store(true);
  thread.join();
  g_trap.clear();
  g_thread.store(0);
  return results;
}

const Results& results() noexcept {
  static std::once_flag once;
  static Results found;
  std::call_once(once, [] {
    try {
      found = try_both();
    } catch (const std::system_error&) {  // no thread to be had
    }
  });
  return found;
}

}  // namespace

bool TrapTrial::caught() noexcept {
  if (g_thread.load() != static_cast<pid_t>(::syscall(SYS_gettid))) return false;
  g_trap.clear();
  g_caught.store(true);
  return true;
}

bool code_may_be_interrupted() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;
#elif defined(__has_feature)
  return !__has_feature(thread_sanitizer);
#else
  return true;
#endif
}

bool address_traps_work() noexcept { return results().at_address; }
bool user_code_traps_work() noexcept { return results().in_user_code; }

}  // namespace umcg::inline v0::internal::shim
