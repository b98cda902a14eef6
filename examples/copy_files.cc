// SPDX-License-Identifier: Apache-2.0
// copy_files.cc - copies the files of a folder safely to disk, on a pool of fibers.
//
//     copy_files FROM TO LIMIT
//
// What became of copy_files_before.cc; docs/migration.md shows the difference. Exit status: 0 all
// was copied; 1 not all, each with its error; 2 wrong usage.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>
#include <vector>

#include "umcg/blocking.h"
#include "umcg/runtime.h"
#include "umcg/thread_pool.h"

namespace fs = std::filesystem;

// On disk when it returns the size; throws what went wrong.
std::uintmax_t copy_safely(const fs::path& from, const fs::path& to) {
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  const int file = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const bool safe = file >= 0 && umcg::blocking_now([&] { return ::fsync(file); }) == 0;
  const std::error_code error(errno, std::generic_category());
  if (file >= 0) ::close(file);
  if (!safe) throw fs::filesystem_error("fsync", to, error);
  return fs::file_size(to);
}

int main(int argc, char** argv) try {
  const int limit = argc == 4 ? std::atoi(argv[3]) : 0;
  if (limit < 1) return std::fputs("usage: copy_files FROM TO LIMIT\n", stderr), 2;
  const auto start = std::chrono::steady_clock::now();
  umcg::Runtime rt;
  umcg::ThreadPool pool(rt, {.max_in_flight = static_cast<std::size_t>(limit)});
  std::vector<umcg::Future<std::uintmax_t>> copies;
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
