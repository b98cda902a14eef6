// SPDX-License-Identifier: Apache-2.0
// state_threads.h - State Threads as a peer: cooperative threads within one kernel thread.
#ifndef UMCG_BENCH_PEERS_STATE_THREADS_H_
#define UMCG_BENCH_PEERS_STATE_THREADS_H_
#ifdef UMCG_HAVE_STATE_THREADS

#include <st.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "common/handles.h"

namespace bench {

class StateThreadsHandle {
 public:
  StateThreadsHandle() = default;
  explicit StateThreadsHandle(st_thread_t thread) : thread_(thread) {}
  void join() { st_thread_join(std::exchange(thread_, nullptr), nullptr); }

 private:
  st_thread_t thread_ = nullptr;
};

// Needs no lock: nobody else runs until this one waits.
class StateThreadsSemaphore {
 public:
  explicit StateThreadsSemaphore(std::ptrdiff_t permits) : permits_(permits) {}
  ~StateThreadsSemaphore() { st_cond_destroy(changed_); }
  StateThreadsSemaphore(const StateThreadsSemaphore&) = delete;
  StateThreadsSemaphore& operator=(const StateThreadsSemaphore&) = delete;

  void acquire() {
    while (permits_ == 0) st_cond_wait(changed_);
    --permits_;
  }
  void release() {
    ++permits_;
    st_cond_signal(changed_);
  }

 private:
  st_cond_t changed_ = st_cond_new();
  std::ptrdiff_t permits_;
};

class StateThreadsMutex {
 public:
  StateThreadsMutex() = default;
  ~StateThreadsMutex() { st_mutex_destroy(mutex_); }
  StateThreadsMutex(const StateThreadsMutex&) = delete;
  StateThreadsMutex& operator=(const StateThreadsMutex&) = delete;

  void lock() { st_mutex_lock(mutex_); }
  void unlock() { st_mutex_unlock(mutex_); }

 private:
  st_mutex_t mutex_ = st_mutex_new();
};

class StateThreads : public Handles<StateThreads> {
 public:
  using Handle = StateThreadsHandle;
  using Semaphore = StateThreadsSemaphore;
  using Mutex = StateThreadsMutex;

  static const char* name(int) { return "state_threads"; }

  // The main thread becomes one of them, once and for all.
  explicit StateThreads(int) { [[maybe_unused]] static const int started = st_init(); }

  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  static Handle spawn(F&& f) {
    using Closure = std::decay_t<F>;
    auto* closure = new Closure(std::forward<F>(f));
    const auto start = [](void* p) -> void* {
      auto* own = static_cast<Closure*>(p);
      (*own)();
      delete own;
      return nullptr;
    };
    st_thread_t thread = st_thread_create(start, closure, 1, kStackSize);
    if (thread == nullptr) {
      std::perror("st_thread_create");
      std::abort();
    }
    return Handle(thread);
  }
  static void yield() { st_usleep(0); }

 private:
  static constexpr int kStackSize = 64 * 1024;
};

}  // namespace bench

#endif  // UMCG_HAVE_STATE_THREADS
#endif  // UMCG_BENCH_PEERS_STATE_THREADS_H_
