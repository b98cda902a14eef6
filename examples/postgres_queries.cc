// SPDX-License-Identifier: Apache-2.0
// postgres_queries.cc - queries through libpq, as it is, on fewer connections than fibers; some are
// cancelled at a deadline.
//
//     bash examples/postgres.sh postgres_queries [--queries=200] [--connections=16]
//
// Where the database is, libpq learns from the environment, as psql does. Every tenth query would
// take an hour and is cancelled after 50 ms. Exit status: 0 each query ended as it should; 1 some
// did not, and the report has the first error; 2 wrong usage.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "umcg/blocking.h"
#include "umcg/deadline_stop.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/thread_pool.h"

ABSL_FLAG(int, queries, 200, "how many, in all");
ABSL_FLAG(int, connections, 16, "how many of them are with the database at once");

namespace {

using namespace std::chrono_literals;
using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;

class ConnectionPool {
 public:
  explicit ConnectionPool(int size) : free_(size) {
    for (int i = 0; i < size; ++i) {
      idle_.emplace_back(PQconnectdb("application_name=postgres_queries"), PQfinish);
    }
  }

  // A connection, until it is destroyed. One that was lost is first made anew.
  class Lease {
   public:
    explicit Lease(ConnectionPool& pool) : pool_(pool) {
      pool_.free_.acquire();
      {
        const std::lock_guard lock(pool_.mutex_);
        connection_ = std::move(pool_.idle_.back());
        pool_.idle_.pop_back();
      }
      if (PQstatus(get()) != CONNECTION_OK) PQreset(get());
    }
    ~Lease() {
      {
        const std::lock_guard lock(pool_.mutex_);
        pool_.idle_.push_back(std::move(connection_));
      }
      pool_.free_.release();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    PGconn* get() const { return connection_.get(); }

   private:
    ConnectionPool& pool_;
    Connection connection_{nullptr, PQfinish};
  };

  // How many are in the pool and in order.
  int in_order() {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::ranges::count_if(idle_, [](const Connection& connection) {
      return PQtransactionStatus(connection.get()) == PQTRANS_IDLE;
    }));
  }

 private:
  umcg::Semaphore free_;
  std::mutex mutex_;  // never held over a wait
  std::vector<Connection> idle_;
};

// PQexec, cancelled at the deadline. A cancel that comes before the query has begun is lost, so it
// is repeated until there is an answer.
Result execute(PGconn* connection, const char* sql, umcg::Deadline deadline) {
  Result result(nullptr, PQclear);
  if (PQsendQuery(connection, sql) == 0) return result;
  std::atomic<bool> over = false;
  bool asked = false;
  {
    const std::unique_ptr<PGcancel, void (*)(PGcancel*)> handle(PQgetCancel(connection),
                                                                PQfreeCancel);
    pollfd answer{PQsocket(connection), POLLIN, 0};
    umcg::DeadlineStop limit(deadline);
    const std::stop_callback cancel(limit.get_token(), [&] {
      char why_not[256];
      do {
        asked = PQcancel(handle.get(), why_not, sizeof why_not) != 0;
      } while (asked && !over && ::poll(&answer, 1, 10) == 0);
    });
    result.reset(umcg::blocking([&] {
      PGresult* const first = PQgetResult(connection);
      over = true;  // in here: with Handoff::kOff the end of blocking() may wait for the callback
      return first;
    }));
  }
  while (PGresult* const more = PQgetResult(connection)) PQclear(more);
  // A cancel that came too late for this query would hit the next one. So here is a next one.
  if (asked) PQclear(PQexec(connection, ""));
  return result;
}

// The first value, or nothing: it was cancelled. Otherwise throws what libpq says.
std::optional<std::string> query(ConnectionPool& pool, const char* sql, umcg::Deadline deadline) {
  const ConnectionPool::Lease lease(pool);
  const Result result = execute(lease.get(), sql, deadline);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return PQgetvalue(result.get(), 0, 0);
  const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  if (state != nullptr && std::string(state) == "57014") return std::nullopt;  // query_canceled
  throw std::runtime_error(result ? PQresultErrorMessage(result.get())
                                  : PQerrorMessage(lease.get()));
}

struct Report {
  std::mutex mutex;
  int answered = 0;
  int cancelled = 0;
  int failed = 0;
  std::string first_error;

  void add(ConnectionPool& pool, const char* sql, const char* wanted, umcg::Deadline deadline) {
    std::optional<std::string> value;
    std::string error;
    try {
      value = query(pool, sql, deadline);
      if (value && *value != wanted) error = std::string(sql) + " is said to be " + *value + "\n";
    } catch (const std::exception& e) {
      error = e.what();
    }
    const std::lock_guard lock(mutex);
    ++(!error.empty() ? failed : value ? answered : cancelled);
    if (first_error.empty()) first_error = error;
  }
};

int run(int queries, int connections) {
  umcg::Runtime rt;
  ConnectionPool pool(connections);
  Report report;
  {
    // The limit here is only one of memory: those that wait for a connection need a stack each.
    umcg::ThreadPool tasks(rt, {.max_in_flight = 100});
    for (int i = 0; i < queries; ++i) {
      tasks.post([&, i] {
        if (i % 10 == 9) return report.add(pool, "SELECT pg_sleep(3600)", "", 50ms);
        if (i % 2 == 0) return report.add(pool, "SELECT pg_sleep(0.01)", "", {});
        report.add(pool, "SELECT sum(n) FROM generate_series(1, 1000) AS n", "500500", {});
      });
    }
  }
  std::printf("answered: %d, cancelled: %d, failed: %d\n", report.answered, report.cancelled,
              report.failed);
  std::printf("connections in order: %d of %d\n", pool.in_order(), connections);
  std::fputs(report.first_error.c_str(), stderr);
  return report.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const int queries = absl::GetFlag(FLAGS_queries);
  const int connections = absl::GetFlag(FLAGS_connections);
  if (rest.size() != 1 || queries < 0 || connections < 1) {
    std::fputs("usage: postgres_queries [--queries=N] [--connections=N]\n", stderr);
    return 2;
  }
  return run(queries, connections);
}
