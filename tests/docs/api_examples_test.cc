// SPDX-License-Identifier: Apache-2.0
// The examples in the comments of the public headers, each with what it takes for granted around
// it. check_docs.sh sees that none is missing, and that they are the same but for their layout.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/pipe.h"
#include "umcg/barrier.h"
#include "umcg/blocking.h"
#include "umcg/channel.h"
#include "umcg/condition_variable.h"
#include "umcg/deadline_stop.h"
#include "umcg/dump.h"
#include "umcg/event.h"
#include "umcg/fiber_local.h"
#include "umcg/future.h"
#include "umcg/kernel.h"
#include "umcg/latch.h"
#include "umcg/lock_guard.h"
#include "umcg/mutex.h"
#include "umcg/once.h"
#include "umcg/recursive_mutex.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/select.h"
#include "umcg/semaphore.h"
#include "umcg/shared_future.h"
#include "umcg/shared_mutex.h"
#include "umcg/signal.h"
#include "umcg/std_names.h"
#include "umcg/this_fiber.h"
#include "umcg/thread_pool.h"
#include "umcg/wait_group.h"

namespace {

using namespace std::chrono_literals;

// On a plain thread that has entered a runtime. What is posted has ended before its test has.
class ApiExamples : public testing::Test {
 protected:
  umcg::Runtime rt_;
  umcg::Runtime::Enter entered_ = rt_.enter();
};

// What the examples take for granted.
struct Job {
  int n;
};
using Config = int;
using Row = int;
using Trace = std::string;
std::atomic<int> done{0};
std::atomic<int> step{0};
void work() { ++done; }
void work(int) { ++done; }
void use() { ++done; }
void use(int n) { done += n; }
void prepare() { ++done; }
void query() { ++done; }
void flush() { ++done; }
void run(const Job& job) { done += job.n; }
void run(const Job& job, Config config) { done += job.n * config; }
void log(std::size_t n) { done += static_cast<int>(n); }
void report(const char* what) { FAIL() << what; }
bool more() { return step < 3; }

TEST_F(ApiExamples, Barrier) {
  done = 0;
  umcg::Barrier meet(4, []() noexcept { ++step; });
  for (int i = 0; i < 4; ++i) {
    umcg::post([&] {
      while (more()) {
        work();
        meet.arrive_and_wait();
      }
    });
  }
  rt_.wait_idle();
  EXPECT_EQ(done, 12);
}

TEST_F(ApiExamples, Blocking) {
  const umcg_test::Pipe pipe;
  pipe.write('x');
  const int fd = pipe.reader();
  char buf[10];
  auto n = umcg::blocking([&] { return ::read(fd, buf, sizeof buf); });
  EXPECT_EQ(n, 1);
}

TEST_F(ApiExamples, Interruptible) {
  const umcg_test::Pipe pipe;
  const int fd = pipe.reader();
  bool interrupted = true;
  auto reader = umcg::spawn([&] {
    char buf[10];
    auto n = umcg::interruptible([&] { return ::read(fd, buf, sizeof buf); });
    if (n < 0 && errno == EINTR) return;
    interrupted = false;
  });
  reader.request_stop();
  reader.join();
  EXPECT_TRUE(interrupted);
}

TEST_F(ApiExamples, Channel) {
  done = 0;
  umcg::Channel<Job> jobs(100);
  auto worker = umcg::spawn([&] {
    for (Job& job : jobs) run(job);
  });
  if (!jobs.send(Job{42})) report("closed");
  jobs.close();
  worker.join();
  EXPECT_EQ(done, 42);
}

TEST_F(ApiExamples, ConditionVariable) {
  umcg::Mutex m;
  umcg::ConditionVariable cv;
  std::queue<int> queue;
  umcg::post([&] {
    const std::scoped_lock lock(m);
    queue.push(1);
    cv.notify_one();
  });
  {
    std::unique_lock lock(m);
    cv.wait(lock, [&] { return !queue.empty(); });
    EXPECT_EQ(queue.front(), 1);
  }
  rt_.wait_idle();
}

// SQLite's part in it.
struct Sqlite {
  std::atomic<bool> interrupted{false};
};
void sqlite3_interrupt(Sqlite& db) { db.interrupted = true; }
int sqlite3_step(Sqlite& db) {
  while (!db.interrupted) ::usleep(1000);
  return 9;
}

TEST_F(ApiExamples, DeadlineStop) {
  Sqlite db;
  Sqlite& query = db;
  umcg::DeadlineStop limit(200ms);
  std::stop_callback cancel(limit.get_token(), [&] { sqlite3_interrupt(db); });
  umcg::blocking([&] { return sqlite3_step(query); });
  EXPECT_TRUE(limit.stop_requested());
}

TEST_F(ApiExamples, Event) {
  done = 0;
  umcg::Event ready;
  auto f = umcg::spawn([&] {
    ready.wait();
    use();
  });
  prepare();
  ready.set();
  f.join();
  EXPECT_EQ(done, 2);
}

TEST_F(ApiExamples, Fiber) {
  umcg::Fiber<int> f = umcg::spawn([](int x) { return x * x; }, 7);
  int square = f.join();
  EXPECT_EQ(square, 49);
}

TEST_F(ApiExamples, FiberLocal) {
  done = 0;
  static constinit umcg::FiberLocal<std::string> user;
  *user = "ada";
  log(user->size());
  EXPECT_EQ(done, 3);
  static constinit umcg::FiberLocal<Trace, umcg::Inherit::kCopy> trace;
  *trace = "parent";
  EXPECT_EQ(umcg::spawn([] { return *trace; }).join(), "parent");
}

TEST_F(ApiExamples, Future) {
  done = 0;
  umcg::Promise<int> answer;
  umcg::Future<int> future = answer.get_future();
  umcg::post([p = std::move(answer)]() mutable { p.set_value(42); });
  use(future.get());
  EXPECT_EQ(done, 42);
}

TEST(ApiExamplesOfThreads, Kernel) {
  std::thread waker;
  const auto publish = [&](umcg_tid task) {
    waker = std::thread([=] { EXPECT_EQ(umcg_wake(0, task), 0); });
  };
  umcg_tid self;
  umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_CORE_TASK, UMCG_NOID, &self);
  publish(self);
  while (umcg_wait(0, NULL) == -EINTR) {
  }
  umcg_unregister_task(0);
  waker.join();
}

TEST(ApiExamplesOfThreads, KernelWorkers) {
  const auto group = static_cast<std::uint32_t>(umcg_create_group(UMCG_API_VERSION, 0));
  std::atomic<umcg_tid> task{0};
  std::thread thread([&] {
    umcg_tid self;
    umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_WORKER, group, &self);
    task = self;
    umcg_unregister_task(0);
  });
  umcg_tid server;
  umcg_register_task(UMCG_API_VERSION, UMCG_REGISTER_SERVER, group, &server);
  std::uint32_t state;
  const auto go_on = [&] { return task == 0 || umcg_get_task_state(task, &state) == 0; };
  umcg_tid worker;                                        // the loop of a server
  while (go_on() && umcg_poll_worker(0, &worker) == 0) {  // a worker that wants to run
    umcg_run_worker(0, worker, &worker);                  // until it blocks, waits or ends
  }
  umcg_unregister_task(0);
  thread.join();
  EXPECT_EQ(umcg_destroy_group(group), 0);
}

TEST_F(ApiExamples, Latch) {
  done = 0;
  umcg::Latch ready(3);
  for (int i = 0; i < 3; ++i)
    umcg::post([&] {
      prepare();
      ready.count_down();
    });
  ready.wait();
  EXPECT_EQ(done, 3);
  rt_.wait_idle();
}

struct Account {
  umcg::Mutex mutex;
  int balance UMCG_GUARDED_BY(mutex) = 0;
  void pay(int n) {
    umcg::LockGuard guard(mutex);
    balance += n;
  }
};

TEST_F(ApiExamples, LockGuard) {
  Account account;
  account.pay(2);
  umcg::LockGuard guard(account.mutex);
  EXPECT_EQ(account.balance, 2);
}

TEST_F(ApiExamples, Mutex) {
  int balance = 0;
  umcg::Mutex m;
  {
    std::scoped_lock lock(m);
    ++balance;
  }
  EXPECT_EQ(balance, 1);
}

int load() { return 1; }

TEST_F(ApiExamples, Once) {
  static int table = 0;
  static constinit umcg::OnceFlag flag;
  umcg::call_once(flag, [] { table = load(); });
  EXPECT_EQ(table, 1);
}

struct Nested {
  int n = 0;
  umcg::RecursiveMutex m;
  void outer() {
    std::scoped_lock lock(m);
    inner();
  }
  void inner() {
    std::scoped_lock lock(m);
    ++n;
  }
};

TEST_F(ApiExamples, RecursiveMutex) {
  Nested nested;
  nested.outer();
  EXPECT_EQ(nested.n, 1);
}

namespace of_runtime {
int main() {
  umcg::Runtime rt;
  umcg::Fiber<int> f = rt.spawn([] { return 42; });
  return f.join() == 42 ? 0 : 1;
}
}  // namespace of_runtime

TEST(ApiExamplesOfThreads, Runtime) { EXPECT_EQ(of_runtime::main(), 0); }

int load_user(int id) { return id; }
int load_cart(int id) { return id * 10; }
int page(int user, int cart) { return user + cart; }

int of_scope(int id) {
  umcg::Scope scope(2s);
  auto user = scope.spawn([&] { return load_user(id); });
  auto cart = scope.spawn([&] { return load_cart(id); });
  scope.join();
  return page(user.get(), cart.get());
}

TEST_F(ApiExamples, Scope) { EXPECT_EQ(of_scope(1), 11); }

void of_select(umcg::Channel<Job>& jobs, umcg::Event& quit) {
  std::optional<Job> job;
  switch (umcg::select({jobs.on_recv(job), quit.on_set(), umcg::on_deadline(50ms)})) {
    case 0:
      if (job) run(*job);
      break;
    case 1:
      return;
    case 2:
      flush();
      break;
  }
}

TEST_F(ApiExamples, Select) {
  umcg::Channel<Job> jobs(1);
  umcg::Event quit;
  done = 0;
  of_select(jobs, quit);
  EXPECT_EQ(done, 1);
  ASSERT_TRUE(jobs.send(Job{42}));
  of_select(jobs, quit);
  EXPECT_EQ(done, 43);
  quit.set();
  of_select(jobs, quit);
  EXPECT_EQ(done, 43);
}

TEST_F(ApiExamples, Semaphore) {
  done = 0;
  umcg::Semaphore slots(16);
  slots.acquire();
  query();
  slots.release();
  EXPECT_EQ(done, 1);
}

TEST_F(ApiExamples, SharedFuture) {
  done = 0;
  std::vector<Job> jobs{{1}, {2}};
  umcg::Promise<Config> load;
  umcg::SharedFuture<Config> config = load.get_future().share();
  for (auto& job : jobs) umcg::post([config, &job] { run(job, config.get()); });
  load.set_value(10);
  rt_.wait_idle();
  EXPECT_EQ(done, 30);
}

TEST_F(ApiExamples, SharedMutex) {
  std::map<int, int> table;
  const std::pair<int, int> entry(1, 2);
  const auto look_up = [](const std::map<int, int>& in) { EXPECT_TRUE(in.empty()); };
  umcg::SharedMutex m;
  {
    std::shared_lock lock(m);
    look_up(table);
  }
  {
    std::scoped_lock lock(m);
    table.insert(entry);
  }
  EXPECT_EQ(table.size(), 1u);
}

void serve() { ::kill(::getpid(), SIGTERM); }

TEST(ApiExamplesOfThreads, Signal) {
  umcg::SignalSet ends{SIGTERM, SIGINT};
  umcg::Runtime rt;
  auto server = rt.spawn(serve);
  ends.wait();
  server.request_stop();
}

TEST(ApiExamplesOfThreads, StdNames) {
  done = 0;
  namespace stdx = umcg::stdx;
  umcg::Runtime rt;
  auto entered = rt.enter();
  stdx::mutex m;
  stdx::thread t([&] {
    stdx::lock_guard lock(m);
    work();
  });
  t.join();
  EXPECT_EQ(done, 1);
}

TEST_F(ApiExamples, ThreadAnnotations) {
  struct {
    umcg::Mutex mutex;
    int balance UMCG_GUARDED_BY(mutex) = 0;
  } account;
  umcg::LockGuard guard(account.mutex);
  EXPECT_EQ(account.balance, 0);
}

TEST_F(ApiExamples, ThisFiber) {
  std::recursive_mutex recursive_mutex;
  umcg::Channel<int> channel(1);
  ASSERT_TRUE(channel.send(1));
  rt_.run([&] {
    umcg::this_fiber::ThreadPin pin;
    std::lock_guard lock(recursive_mutex);
    auto item = channel.recv();
    EXPECT_EQ(item, 1);
  });
}

struct Database {
  Row find(int id) const { return id; }
};

TEST_F(ApiExamples, ThreadPool) {
  umcg::Runtime& rt = rt_;
  const Database database;
  const int id = 7;
  umcg::ThreadPool queries(rt, {.max_in_flight = 64});
  umcg::Future<Row> row = queries.submit([=] { return database.find(id); });
  EXPECT_EQ(row.get(), 7);
}

TEST_F(ApiExamples, Wait) {
  umcg::Semaphore sem(0);
  bool acquired = true;
  rt_.run([&] {
    acquired = false;
    std::stop_token stop = umcg::this_fiber::get_stop_token();
    if (sem.acquire(stop, 50ms) != umcg::WaitStatus::kReady) return;
    acquired = true;
  });
  EXPECT_FALSE(acquired);
}

TEST_F(ApiExamples, WaitGroup) {
  done = 0;
  const std::vector<int> items{1, 2, 3};
  umcg::WaitGroup jobs;
  for (auto& item : items) {
    jobs.add();
    umcg::post([&] {
      work(item);
      jobs.done();
    });
  }
  jobs.wait();
  EXPECT_EQ(done, 3);
}

TEST_F(ApiExamples, When) {
  done = 0;
  umcg::Promise<int> x, y, z;
  umcg::Future<int> first = x.get_future(), second = y.get_future();
  std::vector<umcg::Future<int>> replies;
  replies.push_back(z.get_future());
  x.set_value(1);
  y.set_value(2);
  z.set_value(3);
  auto [a, b] = umcg::when_all(std::move(first), std::move(second)).get();
  auto won = umcg::when_any(std::move(replies)).get();
  use(won.futures[won.index].get());
  EXPECT_EQ(a.get() + b.get() + done, 6);
}

TEST_F(ApiExamples, Dump) {
  umcg::Runtime rt;
  umcg::dump_on_signal(SIGQUIT);                              // from now on: kill -QUIT PID
  rt.dump([](std::string_view text) { std::cerr << text; });  // or at any moment
}

}  // namespace
