// SPDX-License-Identifier: Apache-2.0
// http_server.cc - cpp-httplib and SQLite, as they are, each connection on a fiber.
//
//     http_server FILE [--in_flight=500] [--pool=0]
//     curl -d hello http://127.0.0.1:PORT/rows/7; curl http://127.0.0.1:PORT/rows/7
//
// httplib asks for a TaskQueue, which by default is a pool of threads; here it is a
// umcg::ThreadPool. That is all: it reads and writes sockets, and SQLite syncs the file, with
// blocking calls. With --pool=N it has N threads of httplib's own, to compare. Ends on SIGTERM or
// SIGINT. Exit status: 0; 1 no port or no database; 2 wrong usage.
#include <httplib.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"
#include "umcg/signal.h"
#include "umcg/thread_pool.h"

ABSL_FLAG(int, in_flight, 500, "connections served at once, on fibers");
ABSL_FLAG(int, pool, 0, "threads of httplib's own pool; 0: fibers");

namespace {

class FiberQueue final : public httplib::TaskQueue {
 public:
  FiberQueue(umcg::Runtime& rt, std::size_t in_flight) : pool_(rt, {.max_in_flight = in_flight}) {}
  void enqueue(std::function<void()> task) override { pool_.post(std::move(task)); }
  void shutdown() override { pool_.wait(); }

 private:
  umcg::ThreadPool pool_;
};

class Database {
 public:
  explicit Database(std::string file) : file_(std::move(file)) {
    run("PRAGMA journal_mode=WAL");
    run("CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, value TEXT)");
  }

  // Runs a statement with ?1 and ?2; the first value of its first row, if there is one.
  std::optional<std::string> run(const char* sql, int id = 0, const std::string& value = "") {
    std::optional<std::string> result;
    Connection db = take();
    {
      sqlite3_stmt* made = nullptr;
      sqlite3_prepare_v2(db.get(), sql, -1, &made, nullptr);
      const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(made, sqlite3_finalize);
      sqlite3_bind_int(made, 1, id);  // no matter if the statement has no such parameter
      sqlite3_bind_text(made, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      const int code = made != nullptr ? sqlite3_step(made) : SQLITE_ERROR;
      if (code == SQLITE_ROW) {
        result.emplace(reinterpret_cast<const char*>(sqlite3_column_text(made, 0)));
      } else if (code != SQLITE_DONE) {
        throw std::runtime_error(sqlite3_errmsg(db.get()));  // and close the connection
      }
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(db));
    return result;
  }

  void write(const char* sql, int id, const std::string& value) {
    const std::lock_guard lock(writing_);
    run(sql, id, value);
  }

 private:
  using Connection = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

  Connection take() {
    if (const std::lock_guard lock(mutex_); !idle_.empty()) {
      Connection db = std::move(idle_.back());
      idle_.pop_back();
      return db;
    }
    sqlite3* made = nullptr;
    const int code = sqlite3_open(file_.c_str(), &made);
    Connection db(made, sqlite3_close);
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(made));
    sqlite3_busy_timeout(made, 10'000);  // ms that it sleeps at most while others write
    return db;
  }

  const std::string file_;
  std::mutex mutex_;  // never held over a wait
  std::vector<Connection> idle_;
  // SQLite has one writer at a time. It would let the others sleep, and look again up to 100 ms
  // later, the unlucky ones for seconds; here they are woken in their turn, and hold no thread.
  umcg::Mutex writing_;
};

class Server final : public httplib::Server {
 public:
  // httplib lets 5 connections wait to be accepted; a sixth one would be late by a second.
  void lengthen_backlog() { ::listen(svr_sock_, SOMAXCONN); }
};

void answer(httplib::Response& reply, int status, const std::string& text) {
  reply.status = status;
  reply.set_content(text + "\n", "text/plain");
}

void define_service(httplib::Server& server, Database& database) {
  using httplib::Request, httplib::Response;
  server.Get(R"(/rows/(\d{1,9}))", [&](const Request& request, Response& reply) {
    const int id = std::stoi(request.matches[1]);
    const auto value = database.run("SELECT value FROM rows WHERE id = ?1", id);
    answer(reply, value ? 200 : 404, value.value_or("no such row"));
  });
  server.Post(R"(/rows/(\d{1,9}))", [&](const Request& request, Response& reply) {
    if (request.body.empty()) return answer(reply, 400, "a row needs a value");
    const int id = std::stoi(request.matches[1]);
    database.write("INSERT OR REPLACE INTO rows VALUES(?1, ?2)", id, request.body);
    answer(reply, 200, "written");
  });
  server.set_exception_handler([](const Request&, Response& reply, std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "http_server: %s\n", e.what());
      answer(reply, 500, e.what());
    }
  });
  server.set_error_handler([](const Request& request, Response& reply) {
    if (reply.body.empty()) answer(reply, reply.status, "cannot do this: '" + request.path + "'");
  });
  server.set_payload_max_length(1 << 20);
  server.set_tcp_nodelay(true);
}

void serve(const std::string& file) {
  umcg::SignalSet ends{SIGTERM, SIGINT};  // before all threads
  Database database(file);
  std::optional<umcg::Runtime> rt;
  Server server;
  if (const int threads = absl::GetFlag(FLAGS_pool); threads > 0) {
    server.new_task_queue = [=] { return new httplib::ThreadPool(threads); };
  } else {
    // As much stack as threads have: httplib matches what it is sent by std::regex, recursively.
    rt.emplace(umcg::RuntimeOptions{.stack_size = 8 << 20});
    server.new_task_queue = [&rt] { return new FiberQueue(*rt, absl::GetFlag(FLAGS_in_flight)); };
  }
  define_service(server, database);
  const int port = server.bind_to_any_port("127.0.0.1");
  if (port < 0) throw std::runtime_error("cannot listen on 127.0.0.1");
  server.lengthen_backlog();
  std::thread accepting([&] { server.listen_after_bind(); });  // in accept(2) all its life
  while (!server.is_running()) std::this_thread::yield();
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  ends.wait();
  server.stop();  // connections that are being served end first
  accepting.join();
  std::puts("stopped");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() != 2 || absl::GetFlag(FLAGS_in_flight) < 1 || absl::GetFlag(FLAGS_pool) < 0) {
    std::fputs("usage: http_server FILE [--in_flight=N] [--pool=N]\n", stderr);
    return 2;
  }
  try {
    serve(rest[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "http_server: %s\n", e.what());
    return 1;
  }
}
