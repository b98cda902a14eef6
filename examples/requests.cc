// SPDX-License-Identifier: Apache-2.0
// requests.cc - every request is a fiber, and calls a database for threads as it is: SQLite blocks.
#include <sqlite3.h>

#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "umcg/runtime.h"
#include "umcg/thread_pool.h"

void execute(const char* file, const std::string& sql, int (*row)(void*, int, char**, char**)) {
  sqlite3* db = nullptr;
  const bool done = sqlite3_open(file, &db) == SQLITE_OK &&
                    sqlite3_busy_timeout(db, 60'000) == SQLITE_OK &&  // sleeps while others write
                    sqlite3_exec(db, sql.c_str(), row, nullptr, nullptr) == SQLITE_OK;
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> close(db, sqlite3_close);
  if (!done) throw std::runtime_error(sqlite3_errmsg(db));
}

int main(int argc, char** argv) try {
  if (argc != 2) return 2;  // usage: requests DATABASE < file of numbers
  execute(argv[1], "CREATE TABLE n(value INTEGER)", nullptr);
  umcg::Runtime rt;
  umcg::ThreadPool requests(rt, {.max_in_flight = 20});
  std::vector<umcg::Future<void>> replies;
  for (int n = 0; std::cin >> n;) {
    replies.push_back(requests.submit(execute, argv[1],
                                      "INSERT INTO n VALUES(" + std::to_string(n) + ")", nullptr));
  }
  for (auto& reply : replies) reply.get();
  execute(argv[1], "SELECT count(*), total(value) FROM n", [](void*, int, char** column, char**) {
    return std::cout << column[0] << " rows, sum " << column[1] << '\n', 0;
  });
} catch (const std::exception& e) {
  std::cerr << "requests: " << e.what() << '\n';
  return 1;
}
