// SPDX-License-Identifier: Apache-2.0
// watched.h - threads for the tests of block oracles to look at.
#ifndef UMCG_TESTS_KERNEL_SHIM_WATCHED_H_
#define UMCG_TESTS_KERNEL_SHIM_WATCHED_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "kernel_shim/block_oracle.h"
#include "support/eventually.h"

namespace umcg_test {

namespace shim = umcg::internal::shim;

// A thread that is attached to an oracle, does something, computes until the end of this object,
// and detaches.
class Watched {
 public:
  Watched(shim::BlockOracle& oracle, std::function<void()> first)
      : oracle_(oracle), first_(std::move(first)), thread_([this] { live(); }) {
    attached_.wait(kNotYet);
  }
  explicit Watched(shim::BlockOracle& oracle) : Watched(oracle, [] {}) {}
  ~Watched() {
    compute_no_more();
    thread_.join();
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  bool is_attached() const { return attached_.load() == kYes; }
  pid_t tid() const { return subject_.tid; }
  bool by_clock() const { return subject_.by_clock; }
  std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

  void compute_no_more() { ending_.store(true); }

  shim::Look look() { return oracle_.look(subject_, seen_); }
  bool becomes(shim::Look wanted) {
    return eventually([&] { return look() == wanted; });
  }

  // Returns when the computing has gone on since the call: it has run in between.
  bool has_computed() {
    const std::uint64_t before = count_.load();
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (count_.load() == before) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  enum State : int { kNotYet, kYes, kNo };

  void live() {
    attached_.store(oracle_.attach(subject_) ? kYes : kNo);
    attached_.notify_one();
    first_();
    while (!ending_.load()) count_.fetch_add(1);
    if (is_attached()) oracle_.detach(subject_);
  }

  shim::BlockOracle& oracle_;
  const std::function<void()> first_;
  shim::Subject subject_;
  std::uint64_t seen_ = 0;
  std::atomic<State> attached_{kNotYet};
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> count_{0};
  std::thread thread_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_KERNEL_SHIM_WATCHED_H_
