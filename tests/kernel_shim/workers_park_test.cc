// SPDX-License-Identifier: Apache-2.0
// workers_park_test.cc - workers that are stopped from outside: on the way back from a system call
// (UMCG_GROUP_PARK), and while they compute (UMCG_GROUP_PREEMPTION).
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel_shim/workers/trap.h"
#include "support/death.h"
#include "support/deny.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "workers_util.h"

namespace {

namespace shim = umcg::internal::shim;
using umcg_test::Group;
using umcg_test::Server;
using umcg_test::state_of;
using umcg_test::Worker;

class WorkersPark : public testing::Test {
 protected:
  void SetUp() override {
    if (!umcg_test::can_have(UMCG_GROUP_PARK)) GTEST_SKIP() << "workers cannot be parked here";
  }
};

// The first instruction after the system call is not run before a server runs the worker.
TEST_F(WorkersPark, NoUserCodeWithoutAServer) {
  constexpr int kBlocks = 20;
  Group group(UMCG_GROUP_PARK);
  umcg_test::Pipe pipe;
  std::atomic<int> returned{0};
  std::atomic<bool> wrong{false};
  Worker worker(group, [&] {
    for (int i = 0; i < kBlocks; ++i) {
      errno = 1234;
      if (pipe.read() != i || errno != 1234) wrong = true;
      ++returned;
    }
  });
  Server server(group);
  const umcg_tid tid = Server::poll();
  for (int i = 0; i < kBlocks; ++i) {
    while (Server::run(tid) == tid && returned != i) EXPECT_EQ(Server::poll(), tid);
    EXPECT_EQ(state_of(tid), UMCG_TASK_BLOCKED);
    pipe.write(static_cast<unsigned char>(i));
    EXPECT_EQ(Server::poll(), tid) << "it tells itself that it has come back";
    usleep(500);
    EXPECT_EQ(returned, i) << "and waits";
  }
  EXPECT_EQ(Server::run_through(tid), 0u);
  EXPECT_EQ(returned, kBlocks);
  EXPECT_FALSE(wrong) << "the system call's result and errno survive";
}

// Every kind of block; no more workers in user code than servers; no EINTR.
TEST_F(WorkersPark, AtMostOneRunsForEachServer) {
  constexpr int kWorkers = 6;
  constexpr int kServers = 2;
  constexpr int kRounds = umcg_test::scaled(60);
  Group group(UMCG_GROUP_PARK);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> interrupted{0};
  std::atomic<int> left{kWorkers};
  std::mutex mutex;
  const auto compute = [&] {
    const int now = running.fetch_add(1) + 1;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    for (int i = 0; i < 2000; ++i) asm volatile("");
    running.fetch_sub(1);
  };
  const auto work = [&](std::uint64_t seed) {
    umcg_test::Random random(seed);
    umcg_test::Pipe never;
    pollfd entry{never.reader(), POLLIN, 0};
    for (int i = 0; i < kRounds; ++i) {
      compute();
      const timespec nap{0, static_cast<long>(random.below(400'000))};
      switch (random.below(4)) {
        case 0:
          if (nanosleep(&nap, nullptr) != 0) ++interrupted;
          break;
        case 1:
          if (ppoll(&entry, 1, &nap, nullptr) != 0) ++interrupted;
          break;
        case 2: {
          std::lock_guard lock(mutex);
          if (nanosleep(&nap, nullptr) != 0) ++interrupted;
          break;
        }
        default: {
          const timespec soon = umcg_test::to_timespec(umcg_test::now_ns() + nap.tv_nsec);
          EXPECT_EQ(umcg_wait(0, &soon), -ETIMEDOUT);
        }
      }
    }
  };
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.push_back(
        std::make_unique<Worker>(group, [&, i] { work(static_cast<std::uint64_t>(i) + 1); }));
  }
  std::vector<std::thread> servers;
  for (int i = 0; i < kServers; ++i) {
    servers.emplace_back([&] {
      Server server(group);
      Server::serve(left);
    });
  }
  for (std::thread& server : servers) server.join();
  workers.clear();
  EXPECT_LE(most, kServers);
  EXPECT_EQ(interrupted, 0);
}

TEST_F(WorkersPark, WorkersMustNotBlockSigtrap) {
  Group group(UMCG_GROUP_PARK);
  std::thread([&] {
    sigset_t trap;
    sigemptyset(&trap);
    sigaddset(&trap, SIGTRAP);
    pthread_sigmask(SIG_BLOCK, &trap, nullptr);
    umcg_tid self;
    EXPECT_EQ(umcg_test::register_as(UMCG_REGISTER_WORKER, static_cast<int>(group.number()), &self),
              -EINVAL);
  }).join();
}

class WorkersPreempt : public testing::Test {
 protected:
  void SetUp() override {
    if (!umcg_test::can_have(UMCG_GROUP_PREEMPTION)) GTEST_SKIP() << "not in this build";
  }
};

// A worker that computes loses its server at the server's wish, and does not notice.
TEST_F(WorkersPreempt, ComputingWorkerGivesTheServerBack) {
  Group group(UMCG_GROUP_PREEMPTION);
  std::atomic<bool> stop{false};
  std::atomic<long> count{0};
  Worker worker(group, [&] {
    while (!stop) ++count;
  });
  std::atomic<umcg_tid> target{0};
  std::atomic<int> asked{0};
  std::atomic<bool> done{false};
  std::thread timer([&] {
    while (!done) {
      if (target != 0 && umcg_preempt_worker(0, target) == 0) ++asked;
      usleep(2000);
    }
  });
  {
    Server server(group);
    const umcg_tid tid = Server::poll();
    target = tid;
    for (int preempted = 0; preempted < 5;) {
      ASSERT_EQ(Server::run(tid), tid);
      if (state_of(tid) == (UMCG_TASK_RUNNABLE | UMCG_TF_PREEMPTED)) {
        ++preempted;
        const long before = count;
        usleep(1000);
        EXPECT_EQ(count, before) << "it does not run";
      } else {
        EXPECT_EQ(Server::poll(), tid);  // a page or a lock
      }
    }
    done = true;
    timer.join();
    stop = true;
    // The timer's last request may still be on its way.
    umcg_tid last;
    while ((last = Server::run_through(tid)) != 0) EXPECT_EQ(last, tid);
  }
  EXPECT_GE(asked, 5);
}

// A worker in a system call is not disturbed, where there are traps.
TEST_F(WorkersPreempt, SystemCallsGoOn) {
  Group group(UMCG_GROUP_PREEMPTION);
  if (!shim::user_code_traps_work()) GTEST_SKIP() << "no traps in user code here";
  std::atomic<int> interrupted{0};
  std::atomic<bool> done{false};
  Worker worker(group, [&] {
    const timespec nap{0, 300'000};
    for (int i = 0; i < 50; ++i) interrupted += nanosleep(&nap, nullptr) != 0;
  });
  std::atomic<umcg_tid> target{0};
  std::thread timer([&] {
    while (!done) {
      if (target != 0) (void)umcg_preempt_worker(0, target);
      usleep(100);
    }
  });
  Server server(group);
  umcg_tid tid = Server::poll();
  target = tid;
  while ((tid = Server::run_through(tid)) != 0) {
  }
  done = true;
  timer.join();
  EXPECT_EQ(interrupted, 0);
}

using WorkersTrapDeath = umcg_test::DeathTest;

// A server with one worker that computes until it is preempted. 0 if all went well.
int preempt_one() {
  const int group = umcg_create_group(UMCG_API_VERSION, UMCG_GROUP_PREEMPTION);
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    umcg_tid self;
    (void)umcg_test::register_as(UMCG_REGISTER_WORKER, group, &self);
    while (!stop) {
    }
  });
  umcg_tid tid = 0;
  if (umcg_test::register_as(UMCG_REGISTER_SERVER, group, &tid) != 0) return 1;
  tid = Server::poll();
  std::atomic<bool> done{false};
  std::thread timer([&, tid] {
    while (!done) {
      (void)umcg_preempt_worker(0, tid);
      usleep(1000);
    }
  });
  umcg_tid last = Server::run_through(tid);
  const bool preempted = state_of(last) == (UMCG_TASK_RUNNABLE | UMCG_TF_PREEMPTED);
  done = true;
  stop = true;
  timer.join();
  while (last != 0) last = Server::run_through(last);
  worker.join();
  return preempted ? 0 : 2;
}

// Without perf: everything but UMCG_GROUP_PARK works.
TEST_F(WorkersTrapDeath, WithoutPerf) {
  EXPECT_EXIT(
      {
        if (!umcg_test::deny({SYS_perf_event_open})) _exit(0);  // not permitted here
        if (umcg_test::can_have(UMCG_GROUP_PARK)) _exit(10);
        _exit(umcg_test::can_have(UMCG_GROUP_PREEMPTION) ? preempt_one() : 0);
      },
      testing::ExitedWithCode(0), "");
}

// A SIGTRAP that is none of ours goes where it would have gone.
TEST_F(WorkersTrapDeath, ForeignTrapEndsTheProcess) {
  EXPECT_EXIT(
      {
        (void)umcg_test::can_have(UMCG_GROUP_PARK);
        raise(SIGTRAP);
      },
      testing::KilledBySignal(SIGTRAP), "");
}

TEST_F(WorkersTrapDeath, HandlerBeforeOursIsCalled) {
  EXPECT_EXIT(
      {
        static std::atomic<int> handled;
        struct sigaction action = {};
        action.sa_handler = [](int) { ++handled; };
        sigaction(SIGTRAP, &action, nullptr);
        (void)umcg_test::can_have(UMCG_GROUP_PARK);
        raise(SIGTRAP);
        _exit(handled == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
