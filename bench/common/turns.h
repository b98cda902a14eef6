// SPDX-License-Identifier: Apache-2.0
// turns.h - ways in which two threads, or two processes, pass a turn to each other and sleep.
//
// Each kind of turns lives in memory that both sides share, and knows two sides, 0 and 1:
//
//     enter(me), leave(me)   by each side, on its own thread, before and after all else
//     take(me)               sleeps until the turn is given to `me`
//     give(to)               gives it to the other side, who may sleep
//     pass(me)               gives it to the other side and sleeps until it comes back
#ifndef UMCG_BENCH_COMMON_TURNS_H_
#define UMCG_BENCH_COMMON_TURNS_H_

#include <linux/futex.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <semaphore>

#include "umcg/kernel.h"
#include "umcg/shared_group.h"

namespace bench {

template <class Turns>
struct GiveAndTake {
  void enter(int) {}
  void leave(int) {}
  void pass(int me) {
    auto& self = static_cast<Turns&>(*this);
    self.give(1 - me);
    self.take(me);
  }
};

// The floor: a bare wake and a bare wait.
class FutexTurns : public GiveAndTake<FutexTurns> {
 public:
  explicit FutexTurns(bool processes) : private_(processes ? 0 : FUTEX_PRIVATE_FLAG) {}
  void take(int me) {
    while (words_[me].load(std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &words_[me], FUTEX_WAIT | private_, 0, nullptr, nullptr, 0);
    }
    words_[me].store(0, std::memory_order_relaxed);
  }
  void give(int to) {
    words_[to].store(1, std::memory_order_release);
    syscall(SYS_futex, &words_[to], FUTEX_WAKE | private_, 1, nullptr, nullptr, 0);
  }

 private:
  const int private_;
  std::atomic<std::uint32_t> words_[2] = {};
};

// umcg_swap() of two threads.
class TaskTurns {
 public:
  explicit TaskTurns(bool) {}
  void enter(int me) {
    umcg_tid tid = 0;
    if (umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &tid) == 0) {
      tids_[me].store(tid);
    }
  }
  void leave(int) { (void)umcg_unregister_task(0); }
  void take(int) { (void)umcg_wait(0, nullptr); }
  void give(int to) { (void)umcg_wake(0, tids_[to].load(std::memory_order_relaxed)); }
  void pass(int me) {
    (void)umcg_swap(0, tids_[1 - me].load(std::memory_order_relaxed), 0, nullptr);
  }

 private:
  std::atomic<umcg_tid> tids_[2] = {};
};

// umcg_shared_swap() of two processes.
class SharedTaskTurns {
 public:
  explicit SharedTaskTurns(bool) { (void)umcg_shared_create(0, 2, 0, &group_); }
  ~SharedTaskTurns() { close(group_); }
  // What is private to a process is static: each side is one.
  void enter(int me) {
    (void)umcg_shared_join(group_, 0, static_cast<std::uint32_t>(me), &task_);
    peer_ = 0;
  }
  void leave(int) { (void)umcg_shared_leave(task_, 0); }
  void take(int) { (void)umcg_shared_wait(task_, 0, 0, nullptr); }
  void give(int to) { (void)umcg_shared_wake(task_, 0, peer(to)); }
  void pass(int me) { (void)umcg_shared_swap(task_, 0, peer(1 - me), 0, nullptr); }

 private:
  umcg_shared_id peer(int place) {
    if (peer_ == 0) (void)umcg_shared_find(task_, static_cast<std::uint32_t>(place), &peer_);
    return peer_;
  }
  int group_ = -1;
  static inline umcg_shared_task* task_ = nullptr;
  static inline umcg_shared_id peer_ = 0;
};

class SemaphoreTurns : public GiveAndTake<SemaphoreTurns> {
 public:
  explicit SemaphoreTurns(bool) {}
  void take(int me) { semaphores_[me].acquire(); }
  void give(int to) { semaphores_[to].release(); }

 private:
  std::binary_semaphore semaphores_[2]{std::binary_semaphore(0), std::binary_semaphore(0)};
};

class CondvarTurns : public GiveAndTake<CondvarTurns> {
 public:
  explicit CondvarTurns(bool processes) {
    const int shared = processes ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    pthread_mutexattr_t of_mutex;
    pthread_mutexattr_init(&of_mutex);
    pthread_mutexattr_setpshared(&of_mutex, shared);
    pthread_mutex_init(&mutex_, &of_mutex);
    pthread_condattr_t of_condition;
    pthread_condattr_init(&of_condition);
    pthread_condattr_setpshared(&of_condition, shared);
    for (pthread_cond_t& condition : conditions_) pthread_cond_init(&condition, &of_condition);
  }
  void take(int me) {
    pthread_mutex_lock(&mutex_);
    while (!given_[me]) pthread_cond_wait(&conditions_[me], &mutex_);
    given_[me] = false;
    pthread_mutex_unlock(&mutex_);
  }
  void give(int to) {
    pthread_mutex_lock(&mutex_);
    given_[to] = true;
    pthread_cond_signal(&conditions_[to]);
    pthread_mutex_unlock(&mutex_);
  }

 private:
  pthread_mutex_t mutex_;
  pthread_cond_t conditions_[2];
  bool given_[2] = {};
};

class EventfdTurns : public GiveAndTake<EventfdTurns> {
 public:
  explicit EventfdTurns(bool) : fds_{eventfd(0, 0), eventfd(0, 0)} {}
  ~EventfdTurns() {
    for (const int fd : fds_) close(fd);
  }
  void take(int me) {
    std::uint64_t count = 0;
    (void)!read(fds_[me], &count, sizeof count);
  }
  void give(int to) {
    const std::uint64_t one = 1;
    (void)!write(fds_[to], &one, sizeof one);
  }

 private:
  int fds_[2];
};

// Both ends of a pipe, or of a pair of sockets, for each side.
template <bool kSockets>
class ByteTurns : public GiveAndTake<ByteTurns<kSockets>> {
 public:
  explicit ByteTurns(bool) {
    for (auto& ends : ends_) {
      (void)!(kSockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends));
    }
  }
  ~ByteTurns() {
    for (const auto& ends : ends_) {
      close(ends[0]);
      close(ends[1]);
    }
  }
  void take(int me) {
    char byte = 0;
    (void)!read(ends_[me][0], &byte, 1);
  }
  void give(int to) { (void)!write(ends_[to][1], "x", 1); }

 private:
  int ends_[2][2];
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_TURNS_H_
