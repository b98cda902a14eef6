// SPDX-License-Identifier: Apache-2.0
// postgres_queries.cc - queries through libpq, as it is, on fewer connections than fibers; some are
// cancelled at a deadline.
//
//     bash examples/postgres.sh postgres_queries [--queries=200] [--connections=16] [--rounds=1]
//
// Where the database is, libpq learns from the environment, as psql does. Every tenth query would
// take an hour and is cancelled at the deadline. All of it is done so many times, and before each
// time but the first a line of input is waited for; a database that ends meanwhile makes queries
// fail, and is connected to again when it is back. With --threads=N the queries are on N threads
// instead of fibers, to compare. Exit status: that of the last round: 0 each query ended as it
// should; 1 some did not, and the report has the first error; 2 wrong usage.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/time/time.h"
#include "umcg/blocking.h"
#include "umcg/deadline_stop.h"
#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/thread_pool.h"

ABSL_FLAG(int, queries, 200, "how many, in all");
ABSL_FLAG(int, connections, 16, "how many of them are with the database at once");
ABSL_FLAG(absl::Duration, deadline, absl::Milliseconds(50), "of each tenth query");
ABSL_FLAG(int, rounds, 1, "how many times; each waits for a line of input");
ABSL_FLAG(int, threads, 0, "threads that make the queries; 0: fibers");

namespace {

using Clock = std::chrono::steady_clock;
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
      if (!in_order()) PQreset(get());
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
    // The end of an idle connection is seen only by one who reads: last words, and the end.
    bool in_order() const {
      for (pollfd input{PQsocket(get()), POLLIN, 0}; ::poll(&input, 1, 0) > 0;) {
        if (PQconsumeInput(get()) == 0) return false;
      }
      return PQstatus(get()) == CONNECTION_OK;
    }

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

// PQexec, cancelled at the deadline. A cancel that comes before the query has begun is lost, and
// one may fail; so it is repeated until there is an answer, or the end of the connection.
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
        if (PQcancel(handle.get(), why_not, sizeof why_not) != 0) asked = true;
      } while (!over && ::poll(&answer, 1, 10) == 0);
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
  if (PQstatus(lease.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(lease.get()));
  }
  const Result result = execute(lease.get(), sql, deadline);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return PQgetvalue(result.get(), 0, 0);
  const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  if (state != nullptr && std::string(state) == "57014") return std::nullopt;  // query_canceled
  throw std::runtime_error(result ? PQresultErrorMessage(result.get())
                                  : PQerrorMessage(lease.get()));
}

class Round {
 public:
  Round(ConnectionPool& pool, int queries)
      : pool_(pool),
        queries_(queries),
        deadline_(absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_deadline))) {}

  void on_fibers(umcg::Runtime& rt) {
    // The limit here is only one of memory: those that wait for a connection need a stack each.
    umcg::ThreadPool tasks(rt, {.max_in_flight = 100});
    for (int i = 0; i < queries_; ++i) tasks.post([this, i] { make(i); });
  }

  void on_threads(umcg::Runtime& rt, int count) {
    std::atomic<int> next = 0;
    std::vector<std::jthread> threads;
    for (int t = 0; t < count; ++t) {
      threads.emplace_back([&] {
        const auto entered = rt.enter();  // for DeadlineStop
        for (int i; (i = next++) < queries_;) make(i);
      });
    }
  }

  bool report(Clock::duration time) {
    std::printf("answered: %d, cancelled: %d, failed: %d; %.3f s\n", answered_, cancelled_, failed_,
                std::chrono::duration<double>(time).count());
    std::fflush(stdout);
    std::fputs(first_error_.c_str(), stderr);
    return failed_ == 0;
  }

 private:
  void make(int i) {
    if (i % 10 == 9) return make("SELECT pg_sleep(3600)", "", deadline_);
    if (i % 2 == 0) return make("SELECT pg_sleep(0.01)", "", {});
    make("SELECT sum(n) FROM generate_series(1, 1000) AS n", "500500", {});
  }

  void make(const char* sql, const char* wanted, umcg::Deadline deadline) {
    std::optional<std::string> value;
    std::string error;
    try {
      value = query(pool_, sql, deadline);
      if (value && *value != wanted) error = std::string(sql) + " is said to be " + *value + "\n";
    } catch (const std::exception& e) {
      error = e.what();
    }
    const std::lock_guard lock(mutex_);
    ++(!error.empty() ? failed_ : value ? answered_ : cancelled_);
    if (first_error_.empty()) first_error_ = error;
  }

  ConnectionPool& pool_;
  const int queries_;
  const std::chrono::nanoseconds deadline_;
  std::mutex mutex_;  // of what follows
  int answered_ = 0;
  int cancelled_ = 0;
  int failed_ = 0;
  std::string first_error_;
};

int run(int queries, int connections, int rounds, int threads) {
  umcg::Runtime rt;
  ConnectionPool pool(connections);
  bool good = true;
  for (int i = 0; i < rounds; ++i) {
    if (std::string line; i > 0 && !std::getline(std::cin, line)) break;
    const Clock::time_point start = Clock::now();
    Round round(pool, queries);
    threads > 0 ? round.on_threads(rt, threads) : round.on_fibers(rt);
    good = round.report(Clock::now() - start);
  }
  std::printf("connections in order: %d of %d\n", pool.in_order(), connections);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const int queries = absl::GetFlag(FLAGS_queries);
  const int connections = absl::GetFlag(FLAGS_connections);
  const int rounds = absl::GetFlag(FLAGS_rounds);
  const int threads = absl::GetFlag(FLAGS_threads);
  if (rest.size() != 1 || queries < 0 || connections < 1 || rounds < 1 || threads < 0) {
    std::fputs("usage: postgres_queries [--queries=N] [--connections=N] [--rounds=N]\n", stderr);
    return 2;
  }
  return run(queries, connections, rounds, threads);
}
