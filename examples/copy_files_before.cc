// SPDX-License-Identifier: Apache-2.0
// copy_files_before.cc - copies the files of a folder safely to disk, on a pool of threads.
//
//     copy_files_before FROM TO LIMIT
//
// As it was before umcg; copy_files.cc is what became of it. Exit status: 0 all was copied; 1 not
// all, each with its error; 2 wrong usage.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <system_error>
#include <thread>
#include <vector>

class ThreadPool {
 public:
  explicit ThreadPool(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    more_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  template <class F>
  auto submit(F f) {
    auto task = std::make_shared<std::packaged_task<decltype(f())()>>(std::move(f));
    auto result = task->get_future();
    {
      const std::lock_guard lock(mutex_);
      queue_.push([task] { (*task)(); });
    }
    more_.notify_one();
    return result;
  }

 private:
  void work() {
    for (std::unique_lock lock(mutex_);; lock.lock()) {
      more_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::function<void()> task = std::move(queue_.front());
      queue_.pop();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::queue<std::function<void()>> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

namespace fs = std::filesystem;

// On disk when it returns the size; throws what went wrong.
std::uintmax_t copy_safely(const fs::path& from, const fs::path& to) {
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  const int file = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const bool safe = file >= 0 && ::fsync(file) == 0;
  const std::error_code error(errno, std::generic_category());
  if (file >= 0) ::close(file);
  if (!safe) throw fs::filesystem_error("fsync", to, error);
  return fs::file_size(to);
}

int main(int argc, char** argv) try {
  const int limit = argc == 4 ? std::atoi(argv[3]) : 0;
  if (limit < 1) return std::fputs("usage: copy_files FROM TO LIMIT\n", stderr), 2;
  const auto start = std::chrono::steady_clock::now();
  ThreadPool pool(limit);  // no more than the disk likes to have at once
  std::vector<std::future<std::uintmax_t>> copies;
  for (const fs::directory_entry& entry : fs::directory_iterator(argv[1])) {
    if (!entry.is_regular_file()) continue;
    copies.push_back(pool.submit([from = entry.path(), to = fs::path(argv[2])] {
      return copy_safely(from, to / from.filename());
    }));
  }
  std::uintmax_t bytes = 0;
  std::size_t failed = 0;
  for (auto& copied : copies) {
    try {
      bytes += copied.get();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "copy_files: %s\n", e.what());
      ++failed;
    }
  }
  std::printf("%zu files, %ju bytes; %.3f s\n", copies.size() - failed, bytes,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return failed == 0 ? 0 : 1;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "copy_files: %s\n", e.what()), 1;
}
