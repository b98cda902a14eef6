// SPDX-License-Identifier: Apache-2.0
// group.h - what the tests of groups in shared memory share.
#ifndef UMCG_TESTS_SHARED_GROUP_H_
#define UMCG_TESTS_SHARED_GROUP_H_

#include <dirent.h>
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "umcg/shared_group.h"

namespace umcg_test {

inline timespec from_now(std::int64_t ms) {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += ms % 1000 * 1'000'000;
  if (t.tv_nsec >= 1'000'000'000) {
    ++t.tv_sec;
    t.tv_nsec -= 1'000'000'000;
  }
  return t;
}

// A hang is a failure of the test, not of the test run.
inline timespec patience() { return from_now(60'000); }

class Group {
 public:
  explicit Group(std::uint32_t tasks, std::size_t bytes = 4096) {
    if (umcg_shared_create(0, tasks, bytes, &fd_) != 0) std::abort();
  }
  ~Group() { ::close(fd_); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// A member, for a scope.
class Member {
 public:
  Member(const Group& group, std::uint32_t place)
      : error_(umcg_shared_join(group.fd(), 0, place, &task_)) {}
  ~Member() {
    if (task_ != nullptr) umcg_shared_leave(task_, 0);
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  int error() const { return error_; }
  umcg_shared_task* task() const { return task_; }
  umcg_shared_id id() const {
    umcg_shared_id id = 0;
    umcg_shared_self(task_, &id);
    return id;
  }
  template <class T>
  T* data() const {
    void* data = nullptr;
    std::size_t bytes = 0;
    umcg_shared_data(task_, &data, &bytes);
    return static_cast<T*>(data);
  }
  // Who has the place, as soon as somebody has.
  umcg_shared_id await(std::uint32_t place) const {
    umcg_shared_id id = 0;
    for (int i = 0; i < 60'000 && umcg_shared_find(task_, place, &id) != 0; ++i) ::usleep(1000);
    return id;
  }

  int wait(umcg_shared_id peer = 0) const {
    const timespec limit = patience();
    return umcg_shared_wait(task_, 0, peer, &limit);
  }
  int wake(umcg_shared_id next) const { return umcg_shared_wake(task_, 0, next); }
  int swap(umcg_shared_id next) const {
    const timespec limit = patience();
    return umcg_shared_swap(task_, 0, next, 0, &limit);
  }

 private:
  umcg_shared_task* task_ = nullptr;
  int error_;
};

inline int open_descriptors() {
  DIR* const dir = ::opendir("/proc/self/fd");
  int count = 0;
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

// How often to kill: few times in the gate, UMCG_TEST_KILLS times by hand.
inline int kills() {
  const char* wanted = std::getenv("UMCG_TEST_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 8;
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SHARED_GROUP_H_
