// SPDX-License-Identifier: Apache-2.0
// sqlite_writers.cc - fibers that write to one SQLite database, beside fibers that compute.
//
//     sqlite_writers FILE [--writers=32] [--transactions=20]
//
// Each writer has a connection of its own and commits small transactions, each with an fsync(2).
// SQLite knows nothing of fibers: it sleeps in its busy handler while another writer has the lock,
// and waits for the disk. The fibers that compute go on meanwhile: what is printed is how much they
// do alone, and how much beside the writers. FILE is made anew. Exit status: 0 the table is right;
// 1 it is not, or SQLite failed; 2 wrong usage.
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

ABSL_FLAG(int, writers, 32, "fibers that write");
ABSL_FLAG(int, transactions, 20, "transactions of each of them");

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Database {
 public:
  explicit Database(const std::string& path) {
    check(sqlite3_open(path.c_str(), &db_));
    check(sqlite3_busy_timeout(db_, 10 * 60 * 1000));  // ms, for the last of many writers
    run("PRAGMA synchronous=FULL");
  }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs the statements. The last number of the last row, 0 if there is none.
  std::int64_t run(const std::string& sql) {
    std::int64_t last = 0;
    check(sqlite3_exec(
        db_, sql.c_str(),
        [](void* result, int columns, char** values, char**) {
          const char* const value = values[columns - 1];
          *static_cast<std::int64_t*>(result) = value != nullptr ? std::atoll(value) : 0;
          return 0;
        },
        &last, nullptr));
    return last;
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db_));
  }
  sqlite3* db_ = nullptr;
};

// Fibers that compute, one for each server, until it is destroyed.
class Computing {
 public:
  explicit Computing(umcg::Runtime& rt) {
    for (std::uint64_t i = 0; i < rt.stats().servers; ++i) {
      fibers_.push_back(rt.spawn([this] {
        for (std::uint64_t x = 1; !stop_; umcg::this_fiber::yield(), ++done_) {
          for (int step = 0; step < 20'000; ++step) x = x * 6364136223846793005u + 1;
          asm volatile("" : : "r"(x));
        }
      }));
    }
  }
  ~Computing() { stop_ = true; }  // and the fibers' handles wait for them
  std::int64_t done() const { return done_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> done_{0};
  std::vector<umcg::Fiber<>> fibers_;
};

// How much was computed in a second while f ran.
template <class F>
double rate_during(const Computing& computing, F f) {
  const std::int64_t before = computing.done();
  const Clock::time_point start = Clock::now();
  f();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return static_cast<double>(computing.done() - before) / seconds;
}

void write_rows(const std::string& path, int writer, int transactions) {
  Database db(path);
  for (int i = 0; i < transactions; ++i) {
    db.run("BEGIN IMMEDIATE; INSERT INTO lines VALUES (" + std::to_string(writer) + ", " +
           std::to_string(i) + "); COMMIT");
  }
}

int run(const std::string& path, int writers, int transactions) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  Database db(path);
  db.run("PRAGMA journal_mode=WAL; CREATE TABLE lines(writer, i, UNIQUE(writer, i))");
  umcg::Runtime rt;
  const Computing computing(rt);
  const double alone = rate_during(computing, [] { umcg::this_fiber::sleep_for(500ms); });
  const double beside = rate_during(computing, [&] {
    std::vector<umcg::Fiber<>> fibers;
    for (int w = 0; w < writers; ++w) {
      fibers.push_back(rt.spawn([&, w] { write_rows(path, w, transactions); }));
    }
    for (auto& fiber : fibers) fiber.join();
  });
  std::printf("computing alone:              %8.0f units/s\n", alone);
  std::printf("computing beside the writers: %8.0f units/s\n", beside);
  const auto rows = static_cast<int>(db.run("SELECT count(*) FROM lines"));
  std::printf("rows: %d of %d\n", rows, writers * transactions);
  return rows == writers * transactions ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const int writers = absl::GetFlag(FLAGS_writers);
  const int transactions = absl::GetFlag(FLAGS_transactions);
  if (rest.size() != 2 || writers < 0 || transactions < 0) {
    std::fputs("usage: sqlite_writers FILE [--writers=N] [--transactions=N]\n", stderr);
    return 2;
  }
  try {
    return run(rest[1], writers, transactions);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sqlite_writers: %s\n", e.what());
    return 1;
  }
}
