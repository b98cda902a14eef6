// SPDX-License-Identifier: Apache-2.0
// self_test.cc - does an oracle tell a blocked thread from one that computes, here and now?
//
// Errors of system calls do not tell: sandboxes that emulate a kernel accept much and then do
// nothing. And time alone does not tell, since this thread and its subject may have to wait for a
// CPU. So the subject says when it is about to block, and counts while it computes: a look counts
// as a lie only if the count has gone on between the look before it and itself.
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <system_error>
#include <thread>

#include "kernel_shim/block_oracle.h"
#include "kernel_shim/clock.h"
#include "kernel_shim/futex.h"

namespace umcg::inline v0::internal::shim {
namespace {

// Both must be used up: a process can be stopped for longer than the time.
class Patience {
 public:
  // False when it is at its end; otherwise a nap, in which others run.
  bool left() noexcept {
    if (++naps_ > 100 && now_ns() - start_ > 20'000'000) return false;
    constexpr timespec kNap{0, 20'000};
    ::nanosleep(&kNap, nullptr);
    return true;
  }

 private:
  const std::int64_t start_ = now_ns();
  int naps_ = 0;
};

// A thread that blocks until it is told to compute, and computes until it is told to end.
class Dummy {
 public:
  explicit Dummy(BlockOracle& oracle) : oracle_(oracle), thread_([this] { live(); }) {}
  ~Dummy() {
    order(kEnd);
    thread_.join();
  }
  Dummy(const Dummy&) = delete;
  Dummy& operator=(const Dummy&) = delete;

  bool is_attached() noexcept {
    while (attached_.load(std::memory_order_acquire) == kNotYet) {
      futex_wait(attached_, kNotYet, kNever);
    }
    return attached_.load(std::memory_order_acquire) == kYes;
  }

  bool seen_blocked() noexcept {
    Patience patience;
    do {
      if (oracle_.look(subject_, seen_) == Look::kBlocked) return true;
    } while (patience.left());
    return false;
  }

  bool seen_computing() noexcept {
    order(kCompute);
    constexpr int kLooks = 3;
    if (!has_counted()) return false;
    (void)oracle_.look(subject_, seen_);  // the first may be about the time when it was blocked
    for (int i = 0; i < kLooks; ++i) {
      if (!has_counted() || oracle_.look(subject_, seen_) == Look::kBlocked) return false;
    }
    return true;
  }

 private:
  enum : std::uint32_t { kBlock, kCompute, kEnd };
  enum : std::uint32_t { kNotYet, kYes, kNo };

  void live() noexcept {
    const bool attached = oracle_.attach(subject_);
    attached_.store(attached ? kYes : kNo, std::memory_order_release);
    futex_wake(attached_, 1);
    if (!attached) return;
    // Acquire pairs with the release in order(): no look comes after detach().
    while (order_.load(std::memory_order_acquire) == kBlock) futex_wait(order_, kBlock, kNever);
    while (order_.load(std::memory_order_acquire) == kCompute) {
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    oracle_.detach(subject_);
  }

  void order(std::uint32_t what) noexcept {
    order_.store(what, std::memory_order_release);
    futex_wake(order_, 1);
  }

  bool has_counted() noexcept {
    const std::uint64_t before = count_.load(std::memory_order_relaxed);
    Patience patience;
    while (count_.load(std::memory_order_relaxed) == before) {
      if (!patience.left()) return false;
    }
    return true;
  }

  BlockOracle& oracle_;
  Subject subject_;                         // published by attached_
  std::uint64_t seen_ = 0;                  // the looker's
  std::atomic<std::uint32_t> attached_{0};  // written by the dummy
  std::atomic<std::uint32_t> order_{0};     // written by the looker
  std::atomic<std::uint64_t> count_{0};     // written by the dummy
  std::thread thread_;
};

// A thread that is made in its scope takes no signal that is meant for the program.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t saved_;
};

}  // namespace

bool oracle_works(BlockOracle& oracle) noexcept {
  SignalsBlocked blocked;
  try {
    Dummy dummy(oracle);
    return dummy.is_attached() && dummy.seen_blocked() && dummy.seen_computing();
  } catch (const std::system_error&) {
    return false;  // no thread to be had
  }
}

}  // namespace umcg::inline v0::internal::shim
