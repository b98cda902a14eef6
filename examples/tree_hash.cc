// SPDX-License-Identifier: Apache-2.0
// tree_hash.cc - SHA-256 of every regular file below some folders, one fiber per file.
//
//     tree_hash DIR...            as: find DIR... -type f -print0 | sort -z | xargs -0 sha256sum
//     tree_hash --pool DIR...     the same job on a pool of std::threads, for comparison
//
// A fiber hashes its file with plain open(2) and read(2). When the disk makes one of them wait, its
// server runs the next. A semaphore bounds the fibers in flight, and with them the open files.
// Lines are sorted by path and look like sha256sum's. Exit status: 0 all hashed; 1 something could
// not be (named on stderr; the rest is hashed all the same); 2 wrong usage.
#include <openssl/evp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "tree_hash_file.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

ABSL_FLAG(bool, pool, false, "hash on a pool of std::threads instead of fibers");
ABSL_FLAG(int, threads, 0, "threads of the pool; 0: one per CPU");
ABSL_FLAG(int, servers, 0, "servers of the fiber runtime; 0: one per usable CPU");
ABSL_FLAG(int, in_flight, 256, "most files hashed at once by fibers");
ABSL_FLAG(bool, progress, false, "show progress on stderr even if it is no terminal");

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using tree_hash::Job;
using tree_hash::Progress;
using tree_hash::reason;

void complain(const std::string& path, const std::string& what) {
  std::fprintf(stderr, "tree_hash: %s: %s\n", path.c_str(), what.c_str());
}

// --- Finding the files -------------------------------------------------------------------------

// Adds the regular files at and below `path`. False if anything could not be looked at. Symbolic
// links are not followed, and found ones are passed over as find does.
bool collect(const fs::path& path, std::vector<Job>& jobs) {
  std::error_code ec;
  bool ok = true;
  std::vector<fs::path> folders;
  for (auto it = fs::directory_iterator(path, ec); !ec && it != fs::directory_iterator();
       it.increment(ec)) {
    std::error_code status_ec;
    const fs::file_status status = it->symlink_status(status_ec);
    if (status_ec) {
      complain(it->path().string(), status_ec.message());
      ok = false;
    } else if (fs::is_directory(status)) {
      folders.push_back(it->path());
    } else if (fs::is_regular_file(status)) {
      jobs.push_back({it->path().string(), {}, {}});
    }
  }
  if (ec) {
    complain(path.string(), ec.message());
    ok = false;
  }
  for (const fs::path& folder : folders) ok &= collect(folder, jobs);
  return ok;
}

bool collect_root(const char* name, std::vector<Job>& jobs) {
  struct stat st;
  if (::lstat(name, &st) != 0) {
    complain(name, reason(errno));
    return false;
  }
  if (S_ISDIR(st.st_mode)) return collect(name, jobs);
  if (S_ISREG(st.st_mode)) {
    jobs.push_back({name, {}, {}});
    return true;
  }
  complain(name, S_ISLNK(st.st_mode) ? "is a symbolic link, which is not followed (append a slash)"
                                     : "is neither a folder nor a regular file");
  return false;
}

// --- Hashing them -------------------------------------------------------------------------------

void run_job(Job& job, const EVP_MD* digest, Progress& progress) {
  try {
    job.error = tree_hash::hash_file(job, digest, progress);
  } catch (const std::exception& e) {
    job.error = e.what();
  }
  progress.files.fetch_add(1, std::memory_order_relaxed);
}

// --- The two ways to do all of them ------------------------------------------------------------

// Leaves at least half of the file descriptors to everybody else.
std::ptrdiff_t slots_in_flight() {
  std::ptrdiff_t slots = absl::GetFlag(FLAGS_in_flight);
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    slots = std::min(slots, static_cast<std::ptrdiff_t>(limit.rlim_cur / 2));
  }
  return std::max<std::ptrdiff_t>(slots, 1);
}

// Runs on a fiber or on a thread: what this_fiber does works on both.
void show_progress(const std::stop_token& stop, const Progress& progress, std::size_t total) {
  while (umcg::this_fiber::sleep_until(200ms, stop) != umcg::WaitStatus::kStopped) {
    std::fprintf(stderr, "\r%llu of %zu files, %.1f MB ",
                 static_cast<unsigned long long>(progress.files.load()), total,
                 static_cast<double>(progress.bytes.load()) / 1e6);
  }
  std::fputc('\n', stderr);
}

std::string hash_on_fibers(std::vector<Job>& jobs, const EVP_MD* digest, Progress& progress,
                           bool show) {
  const std::ptrdiff_t in_flight = slots_in_flight();
  umcg::Semaphore slots(in_flight);  // outlives the runtime, hence every fiber that uses it
  umcg::Runtime rt({.servers = absl::GetFlag(FLAGS_servers), .name = "tree_hash"});
  umcg::Fiber<> shower;
  if (show) {
    shower = rt.spawn([&](std::stop_token stop) { show_progress(stop, progress, jobs.size()); });
  }
  rt.run([&] {
    for (Job& job : jobs) {
      slots.acquire();
      umcg::post([&] {
        run_job(job, digest, progress);
        slots.release();
      });
    }
    slots.acquire(in_flight);  // all of them: the last file is done
  });
  return "fibers on " + std::to_string(rt.stats().servers) + " servers";
}

std::string hash_on_pool(std::vector<Job>& jobs, const EVP_MD* digest, Progress& progress,
                         bool show) {
  int size = absl::GetFlag(FLAGS_threads);
  if (size == 0) size = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::jthread shower;
  if (show) {
    shower =
        std::jthread([&](std::stop_token stop) { show_progress(stop, progress, jobs.size()); });
  }
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < size; ++i) {
      pool.emplace_back([&] {
        for (std::size_t j; (j = next.fetch_add(1)) < jobs.size();) {
          run_job(jobs[j], digest, progress);
        }
      });
    }
  }
  return std::to_string(size) + " pool threads";
}

// sha256sum's form: a name with a backslash, a newline or a carriage return is escaped, and a
// backslash before the line says so.
std::string to_line(const Job& job) {
  std::string name;
  for (char c : job.path) {
    switch (c) {
      case '\\':
        name += "\\\\";
        break;
      case '\n':
        name += "\\n";
        break;
      case '\r':
        name += "\\r";
        break;
      default:
        name += c;
    }
  }
  return (name.size() > job.path.size() ? "\\" : "") + job.hex + "  " + name + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("tree_hash [--pool [--threads=N]] [--servers=N] DIR...");
  const std::vector<char*> args = absl::ParseCommandLine(argc, argv);
  if (args.size() < 2 || absl::GetFlag(FLAGS_threads) < 0 || absl::GetFlag(FLAGS_servers) < 0 ||
      absl::GetFlag(FLAGS_in_flight) < 1) {
    std::fputs("usage: tree_hash [--pool [--threads=N]] [--servers=N] [--in_flight=N] DIR...\n",
               stderr);
    return 2;
  }
  // Fetched once: each implicit fetch by EVP_sha256() takes OpenSSL's global lock.
  const tree_hash::Digest digest(EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free);
  if (!digest) {
    std::fputs("tree_hash: this OpenSSL has no SHA-256\n", stderr);
    return 1;
  }

  const Clock::time_point start = Clock::now();
  std::vector<Job> jobs;
  bool ok = true;
  for (std::size_t i = 1; i < args.size(); ++i) ok &= collect_root(args[i], jobs);
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.path < b.path; });

  const bool show = absl::GetFlag(FLAGS_progress) || ::isatty(STDERR_FILENO) == 1;
  Progress progress;
  std::string how;
  try {
    how = absl::GetFlag(FLAGS_pool) ? hash_on_pool(jobs, digest.get(), progress, show)
                                    : hash_on_fibers(jobs, digest.get(), progress, show);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tree_hash: %s\n", e.what());
    return 1;
  }
  const std::chrono::duration<double> took = Clock::now() - start;

  std::size_t hashed = 0;
  for (const Job& job : jobs) {
    if (job.error.empty()) {
      ++hashed;
      const std::string line = to_line(job);
      std::fwrite(line.data(), 1, line.size(), stdout);
    } else {
      complain(job.path, job.error);
      ok = false;
    }
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    complain("standard output", reason(errno));
    ok = false;
  }
  const double megabytes = static_cast<double>(progress.bytes.load()) / 1e6;
  std::fprintf(stderr, "tree_hash: %zu files, %.1f MB in %.3f s, %.1f MB/s (%s)\n", hashed,
               megabytes, took.count(), megabytes / std::max(took.count(), 1e-9), how.c_str());
  return ok ? 0 : 1;
}
