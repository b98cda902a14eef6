// SPDX-License-Identifier: Apache-2.0
// blocking_files.h - two more ways for a task to block: read(2) and a page fault.
#ifndef UMCG_BENCH_COMMON_BLOCKING_FILES_H_
#define UMCG_BENCH_COMMON_BLOCKING_FILES_H_

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/raw_block.h"

namespace bench {

// A read(2) that has to wait for its data. It comes from a timer: a partner that writes to a pipe
// would need a CPU, and would be part of what is measured.
class TimerReads {
 public:
  explicit TimerReads(const BlockingLoad& load) {
    for (int i = 0; i < load.tasks; ++i) {
      timers_.push_back(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    }
  }
  ~TimerReads() {
    for (const int timer : timers_) close(timer);
  }
  TimerReads(TimerReads&& other) noexcept : timers_(std::exchange(other.timers_, {})) {}
  TimerReads& operator=(TimerReads&&) = delete;

  // Whether a process may have so many descriptors. Raises its limit as far as that goes.
  static bool work_here(int tasks) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           limit.rlim_max > static_cast<rlim_t>(tasks) + 64;
  }

  void operator()(const BlockingLoad& load, int task, int) const {
    const int timer = timers_[static_cast<std::size_t>(task)];
    const itimerspec once{.it_interval = {},
                          .it_value = {.tv_sec = 0, .tv_nsec = load.block.count()}};
    std::uint64_t expirations = 0;
    if (timerfd_settime(timer, 0, &once, nullptr) != 0 ||
        read(timer, &expirations, sizeof expirations) != sizeof expirations) {
      std::perror("timerfd");
      std::abort();
    }
  }

 private:
  std::vector<int> timers_;
};

// A page for each round of each task, none of them in memory: each first look waits for the disk.
class ColdPages {
 public:
  explicit ColdPages(const BlockingLoad& load)
      : rounds_(static_cast<std::size_t>(load.rounds)),
        pages_(static_cast<std::size_t>(load.tasks) * rounds_) {
    std::string path = "umcg_cold_XXXXXX";
    file_ = mkostemp(path.data(), O_CLOEXEC);
    if (file_ < 0) fail("mkostemp");
    unlink(path.c_str());
    const std::string page(kPage, 1);
    for (std::size_t i = 0; i < pages_; ++i) {
      if (write(file_, page.data(), kPage) != static_cast<ssize_t>(kPage)) fail("write");
    }
  }
  ~ColdPages() {
    unmap();
    if (file_ >= 0) close(file_);
  }
  ColdPages(ColdPages&& other) noexcept
      : rounds_(other.rounds_),
        pages_(other.pages_),
        file_(std::exchange(other.file_, -1)),
        memory_(std::exchange(other.memory_, MAP_FAILED)) {}
  ColdPages& operator=(ColdPages&&) = delete;

  // Only what is clean and not mapped leaves memory.
  void prepare() {
    unmap();
    if (fsync(file_) != 0) fail("fsync");
    posix_fadvise(file_, 0, 0, POSIX_FADV_DONTNEED);
    memory_ = mmap(nullptr, pages_ * kPage, PROT_READ, MAP_SHARED, file_, 0);
    if (memory_ == MAP_FAILED) fail("mmap");
    madvise(memory_, pages_ * kPage, MADV_RANDOM);  // no reading ahead
  }

  void operator()(const BlockingLoad&, int task, int round) const {
    const std::size_t page =
        static_cast<std::size_t>(task) * rounds_ + static_cast<std::size_t>(round);
    if (static_cast<const volatile char*>(memory_)[page * kPage] != 1) fail("a page");
  }

  // Whether files here are on a disk at all.
  static bool work_here(int) {
    ColdPages pages({.tasks = 1, .rounds = 16, .block = {}, .steps = 0});
    pages.prepare();
    const long before = faults();
    for (int i = 0; i < 16; ++i) pages({}, 0, i);
    return faults() - before >= 8;
  }

 private:
  static constexpr std::size_t kPage = 4096;

  static long faults() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_majflt;
  }
  [[noreturn]] static void fail(const char* what) {
    std::perror(what);
    std::abort();
  }
  void unmap() {
    if (memory_ != MAP_FAILED) munmap(memory_, pages_ * kPage);
    memory_ = MAP_FAILED;
  }

  std::size_t rounds_;
  std::size_t pages_;
  int file_ = -1;
  void* memory_ = MAP_FAILED;
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_BLOCKING_FILES_H_
