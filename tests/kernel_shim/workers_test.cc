// SPDX-License-Identifier: Apache-2.0
// workers_test.cc - servers and workers: who runs when, and in which state.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernel_shim/block_oracle.h"
#include "stopper.h"
#include "support/child.h"
#include "support/pipe.h"
#include "workers_util.h"

namespace {

using umcg_test::await_state;
using umcg_test::Group;
using umcg_test::Server;
using umcg_test::state_of;
using umcg_test::Worker;

TEST(Workers, RunOnlyWhenAServerRunsThem) {
  Group group;
  std::atomic<int> checkpoint{0};
  Worker worker(group, [&] { checkpoint = 1; });
  Server server(group);
  EXPECT_EQ(state_of(server.tid()), UMCG_TASK_PROCESSING);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(state_of(tid), UMCG_TASK_RUNNABLE);
  usleep(2000);
  EXPECT_EQ(checkpoint, 0);
  EXPECT_EQ(umcg_destroy_group(group.number()), -EBUSY);
  EXPECT_EQ(Server::run_through(tid), 0u) << "it has ended";
  EXPECT_EQ(checkpoint, 1);
  EXPECT_EQ(umcg_wake(0, tid), -ESRCH);
  worker.join();
}

TEST(Workers, BlockGivesTheServerBack) {
  Group group;
  umcg_test::Pipe pipe;
  Worker worker(group, [&] { (void)pipe.read(); });
  Server server(group);
  const umcg_tid tid = Server::poll();
  Server::run_until_blocked(tid);
  umcg_tid last = 0;
  EXPECT_EQ(umcg_run_worker(0, tid, &last), -EAGAIN);
  pipe.write(1);
  EXPECT_EQ(Server::poll(), tid) << "it has come back, or wants to unregister";
  EXPECT_EQ(Server::run_through(tid), 0u);
}

TEST(Workers, ComputingIsNoBlock) {
  Group group;
  std::atomic<bool> stop{false};
  std::atomic<long> count{0};
  Worker worker(group, [&] {
    while (!stop) ++count;
  });
  Server server(group);
  std::thread stopper([&] {
    while (count < 1000) usleep(100);
    EXPECT_TRUE(await_state(server.tid(), UMCG_TASK_SERVING));
    EXPECT_TRUE(await_state(worker.tid(), UMCG_TASK_RUNNING));
    usleep(20'000);
    stop = true;
  });
  umcg_tid last = Server::run(Server::poll());
  for (int i = 0; last != 0 && i < 3; ++i) last = Server::run(Server::poll());  // a page or a lock
  EXPECT_EQ(last, 0u) << "it has run to its end";
  stopper.join();
}

TEST(Workers, WaitAndWake) {
  Group group;
  std::atomic<int> result{1};
  Worker worker(group, [&] { result = umcg_wait(0, nullptr); });
  Server server(group);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(Server::run_through(tid), tid);
  EXPECT_EQ(state_of(tid), UMCG_TASK_RUNNABLE);
  umcg_tid none = 0;
  EXPECT_EQ(umcg_poll_worker(UMCG_POLL_NOWAIT, &none), -EAGAIN);
  EXPECT_EQ(umcg_wake(0, tid), 0);
  EXPECT_EQ(state_of(tid), UMCG_TASK_UNBLOCKED);
  EXPECT_EQ(umcg_wake(0, tid), 0) << "queued for its next wait";
  EXPECT_EQ(umcg_wake(0, tid), -EAGAIN);
  EXPECT_EQ(result, 1) << "woken, but no server has run it";
  EXPECT_EQ(Server::poll(), tid);
  EXPECT_EQ(state_of(tid), UMCG_TASK_RUNNABLE | UMCG_TF_WAKEUP_QUEUED);
  EXPECT_EQ(Server::run_through(tid), 0u);
  EXPECT_EQ(result, 0);
}

TEST(Workers, QueuedWakeUpCostsNoServer) {
  Group group;
  std::atomic<int> waits{0};
  Worker worker(group, [&] {
    EXPECT_EQ(umcg_wake(0, worker.tid()), 0);
    EXPECT_EQ(umcg_wake(0, worker.tid()), -EAGAIN);
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
    ++waits;
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
    ++waits;
  });
  Server server(group);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(Server::run_through(tid), tid);
  EXPECT_EQ(waits, 1);
  EXPECT_EQ(Server::run_through(tid), 0u) << "RUNNABLE: a server may run it as it is";
  EXPECT_EQ(waits, 2);
}

// W1 -> W2 -> ... -> W10, one umcg_run_worker().
TEST(Workers, SwapHandsTheServerOn) {
  constexpr std::size_t kWorkers = 10;
  Group group;
  std::vector<std::atomic<umcg_tid>> tids(kWorkers);
  std::atomic<int> running{0};
  std::vector<std::size_t> order;  // the server goes from one to the next
  std::vector<std::unique_ptr<Worker>> workers;
  Server server(group);
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Worker>(group, [&, i] {
      if (umcg_wait(0, nullptr) != 0) abort();
      if (running.fetch_add(1) != 0) abort();
      order.push_back(i);
      running.fetch_sub(1);
      if (i + 1 < kWorkers && umcg_swap(0, tids[i + 1], 0, nullptr) != 0) abort();
    }));
    const umcg_tid tid = Server::poll();
    tids[i] = tid;
    EXPECT_EQ(Server::run_through(tid), tid);
  }
  EXPECT_EQ(Server::run_through(tids[0]), 0u) << "the last one has ended";
  ASSERT_EQ(order.size(), kWorkers);
  for (std::size_t i = 0; i < kWorkers; ++i) EXPECT_EQ(order[i], i);
  for (std::size_t i = 0; i + 1 < kWorkers; ++i) {
    EXPECT_EQ(state_of(tids[i]), UMCG_TASK_RUNNABLE) << i;
    EXPECT_EQ(Server::run_through(tids[i]), 0u);
  }
}

TEST(Workers, SwapToOneThatRunsIsAWakeUp) {
  Group group;
  std::atomic<umcg_tid> core_tid{0};
  std::atomic<bool> woken{false};
  std::thread thread([&] {
    umcg_test::Registered self;
    core_tid = self.tid();
    EXPECT_EQ(umcg_wait(0, nullptr), 0);
    woken = true;
  });
  while (core_tid == 0) std::this_thread::yield();
  Worker worker(group, [&] { EXPECT_EQ(umcg_swap(0, core_tid, 0, nullptr), 0); });
  Server server(group);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(Server::run_through(tid), tid);
  thread.join();
  EXPECT_TRUE(woken);
  EXPECT_EQ(Server::run_through(tid), 0u);
}

// It has been woken, and polled, and may have looked at what the swapper then sends it before that
// came. So the swap runs it, and its next wait is paid for. A third wake-up is one too many.
TEST(Workers, SwapToOneThatDoesNotWaitIsAWakeUpToo) {
  Group group;
  std::atomic<int> waits{0};
  Worker woken(group, [&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(umcg_wait(0, nullptr), 0);
      ++waits;
    }
  });
  Server server(group);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(Server::run_through(tid), tid);
  Worker swapper(group, [&] {
    EXPECT_EQ(umcg_swap(0, tid, 0, nullptr), 0);
    EXPECT_EQ(umcg_swap(0, tid, 0, nullptr), -EAGAIN) << "one is queued, and it need not wait";
  });
  const umcg_tid swapper_tid = Server::poll();
  EXPECT_EQ(umcg_wake(0, tid), 0);
  EXPECT_EQ(Server::poll(), tid);
  EXPECT_EQ(Server::run_through(swapper_tid), tid) << "by the swap; it waits for the third time";
  EXPECT_EQ(waits, 2);
  EXPECT_EQ(umcg_wake(0, tid), 0);
  EXPECT_EQ(umcg_wake(0, tid), 0);
  EXPECT_EQ(Server::poll(), tid);
  EXPECT_EQ(Server::run_through(swapper_tid), 0u);
  EXPECT_EQ(Server::run_through(tid), 0u);
  EXPECT_EQ(waits, 3);
}

TEST(Workers, TimeoutNeedsAServer) {
  Group group;
  Server server(group);
  bool waited = false;
  // One that is held up on its way to the wait finds that its time has come: again, with more time.
  for (std::int64_t time = 1'000'000; !waited && time < umcg_test::kPatienceNs; time *= 4) {
    std::atomic<int> result{1};
    Worker worker(group, [&] {
      const timespec soon = umcg_test::to_timespec(umcg_test::now_ns() + time);
      result = umcg_wait(0, &soon);
    });
    const umcg_tid tid = Server::poll();
    const umcg_tid last = Server::run_through(tid);
    waited = last != 0;
    if (waited) {
      EXPECT_EQ(last, tid);
      EXPECT_EQ(Server::poll(), tid) << "its time has come";
      EXPECT_EQ(result, 1) << "but it has not been run";
      EXPECT_EQ(Server::run_through(tid), 0u);
    }
    EXPECT_EQ(result, -ETIMEDOUT);
  }
  EXPECT_TRUE(waited);
}

TEST(Workers, SignalNeedsAServer) {
  struct sigaction action = {};
  struct sigaction saved;
  static std::atomic<int> handled;
  handled = 0;
  action.sa_handler = [](int) { ++handled; };
  sigaction(SIGUSR1, &action, &saved);
  Group group;
  std::atomic<int> result{1};
  Worker worker(group, [&] { result = umcg_wait(0, nullptr); });
  {
    Server server(group);
    const umcg_tid tid = Server::poll();
    EXPECT_EQ(Server::run_through(tid), tid);
    umcg_tid polled = 0;
    while (umcg_poll_worker(UMCG_POLL_NOWAIT, &polled) != 0) {  // it may not be asleep yet
      pthread_kill(worker.native_handle(), SIGUSR1);
      usleep(1000);
    }
    EXPECT_EQ(polled, tid);
    EXPECT_GT(handled, 0) << "the handler has run without a server";
    EXPECT_EQ(result, 1) << "the worker has not";
    EXPECT_EQ(Server::run_through(tid), 0u);
    EXPECT_EQ(result, -EINTR);
  }
  sigaction(SIGUSR1, &saved, nullptr);
}

TEST(Workers, PollIsInterruptedAndCanBeRepeated) {
  struct sigaction action = {};
  struct sigaction saved;
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, &saved);
  Group group;
  {
    Server server(group);
    std::atomic<bool> done{false};
    std::thread storm([&, polling = pthread_self()] {
      while (!done) {
        pthread_kill(polling, SIGUSR1);
        usleep(1000);
      }
    });
    umcg_tid worker = 0;
    EXPECT_EQ(umcg_poll_worker(0, &worker), -EINTR);
    EXPECT_EQ(state_of(server.tid()), UMCG_TASK_PROCESSING);
    done = true;
    storm.join();
    Worker late(group, [] {});
    EXPECT_EQ(Server::run_through(Server::poll()), 0u);
  }
  sigaction(SIGUSR1, &saved, nullptr);
}

TEST(Workers, ThreadEndUnregisters) {
  Group group;
  Server server(group);
  const auto end_without_unregistering = [&](bool wait) {
    return std::thread([&group, wait] {
      umcg_tid self;
      ASSERT_EQ(umcg_register_task(1, UMCG_REGISTER_WORKER, group.number(), &self), 0);
      if (wait) {
        EXPECT_EQ(umcg_wait(0, nullptr), 0);
      }
    });
  };
  std::thread first = end_without_unregistering(false);
  EXPECT_EQ(Server::run_through(Server::poll()), 0u);
  first.join();
  std::thread second = end_without_unregistering(true);
  const umcg_tid tid = Server::poll();
  EXPECT_EQ(Server::run_through(tid), tid);
  EXPECT_EQ(Server::run_through(tid), 0u);
  second.join();
  EXPECT_EQ(umcg_get_task_state(tid, nullptr), -EINVAL);
  EXPECT_EQ(umcg_wake(0, tid), -ESRCH);
}

// It comes back from a block, stands in the queue, and ends there: its thread does not wait for a
// server, and nobody is given its name.
TEST(Workers, EndInTheQueue) {
  for (const bool poll : {true, false}) {
    umcg_tid tid = 0;
    umcg_test::Pipe pipe;
    Group group;
    Server server(group);
    std::thread thread([&] {
      umcg_tid self;
      ASSERT_EQ(umcg_register_task(1, UMCG_REGISTER_WORKER, group.number(), &self), 0);
      (void)pipe.read();
    });
    tid = Server::poll();
    Server::run_until_blocked(tid);
    pipe.write(1);
    thread.join();
    umcg_tid none = 0;
    EXPECT_EQ(umcg_run_worker(0, tid, &none), -ESRCH);
    // Or it is found when the group is destroyed.
    if (poll) {
      EXPECT_EQ(umcg_poll_worker(UMCG_POLL_NOWAIT, &none), -EAGAIN);
    }
  }
}

// Nothing prescribes an order: a server takes all that there are, and runs them as it likes.
TEST(Workers, ManyInAnyOrder) {
  constexpr std::size_t kWorkers = 100;
  Group group;
  std::vector<umcg_tid> order;  // the server goes from one to the next
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Worker>(group, [&, i] {
      if (umcg_wait(0, nullptr) != 0) abort();
      order.push_back(workers[i]->tid());
    }));
  }
  Server server(group);
  std::vector<umcg_tid> waiting;
  while (waiting.size() < kWorkers) {
    if (const umcg_tid last = Server::run_through(Server::poll()); last != 0) {
      waiting.push_back(last);
    }
  }
  for (const umcg_tid tid : waiting) EXPECT_EQ(umcg_wake(0, tid), 0);
  std::vector<umcg_tid> polled;
  umcg_tid next = 0;
  while (umcg_poll_worker(UMCG_POLL_NOWAIT, &next) == 0) polled.push_back(next);
  EXPECT_EQ(polled, waiting) << "none was dropped, first in, first out";
  for (std::size_t i = kWorkers; i != 0; --i) EXPECT_EQ(Server::run_through(polled[i - 1]), 0u);
  EXPECT_EQ(order, std::vector<umcg_tid>(polled.rbegin(), polled.rend()));
}

TEST(Workers, StoppedByADebuggerIsNoBlock) {
  std::string why;
  if (umcg::internal::shim::choose_oracle("proc", &why)->name() != "proc") {
    GTEST_SKIP() << "a thread's clock alone does not tell: " << why;
  }
  Group group;
  std::atomic<bool> stop{false};
  std::atomic<pid_t> thread{0};
  std::atomic<long> count{0};
  Worker worker(group, [&] {
    thread = gettid();
    while (!stop) ++count;
  });
  std::thread debugger([&] {
    while (count < 1000) usleep(100);
    EXPECT_TRUE(await_state(worker.tid(), UMCG_TASK_RUNNING));
    {
      umcg_test::Stopper stopper(thread);
      usleep(20'000);
      if (stopper.has_stopped_it()) {
        // The fork may have made it block on a page; it has come back from that.
        EXPECT_TRUE(await_state(worker.tid(), UMCG_TASK_RUNNING));
      }
    }
    stop = true;
  });
  Server server(group);
  EXPECT_EQ(Server::run_through(Server::poll()), 0u);
  debugger.join();
}

// No single slot for an idle server that the next one would take away.
TEST(Workers, EveryIdleServerIsWoken) {
  constexpr int kServers = 4;
  Group group;
  std::atomic<int> polling{0};
  std::atomic<int> ended{0};
  std::vector<std::thread> servers;
  std::atomic<bool> go{false};
  for (int i = 0; i < kServers; ++i) {
    servers.emplace_back([&] {
      Server server(group);
      ++polling;
      const umcg_tid worker = Server::poll();
      while (!go) std::this_thread::yield();  // none is served twice by one
      if (Server::run_through(worker) == 0) ++ended;
    });
  }
  while (polling != kServers) std::this_thread::yield();
  usleep(2000);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kServers; ++i) workers.push_back(std::make_unique<Worker>(group, [] {}));
  go = true;
  for (std::thread& server : servers) server.join();
  workers.clear();
  EXPECT_EQ(ended, kServers);
}

TEST(Workers, ForkedChildHasNone) {
  Group group;
  Worker worker(group, [] {});
  Server server(group);
  const umcg_tid tid = Server::poll();
  umcg_test::Child child([&] {
    umcg_tid other = 0;
    uint32_t state;
    if (umcg_unregister_task(0) != -EINVAL) return 1;
    if (umcg_poll_worker(UMCG_POLL_NOWAIT, &other) != -EINVAL) return 2;
    if (umcg_wake(0, tid) != -ESRCH || umcg_get_task_state(server.tid(), &state) != -ESRCH)
      return 3;
    if (umcg_destroy_group(group.number()) != -ESRCH) return 4;
    const int own = umcg_create_group(1, 0);
    if (own <= 0 || static_cast<uint32_t>(own) == group.number()) return 5;
    std::thread thread([&] {
      umcg_tid self;
      (void)umcg_register_task(1, UMCG_REGISTER_WORKER, static_cast<uint32_t>(own), &self);
    });
    if (umcg_register_task(1, UMCG_REGISTER_SERVER, static_cast<uint32_t>(own), &other) != 0)
      return 6;
    do {  // it may block on the way, on a page that was not copied yet
      if (umcg_poll_worker(0, &other) != 0 || other == tid) return 7;
      if (umcg_run_worker(0, other, &other) != 0) return 8;
    } while (other != 0);
    thread.join();
    if (umcg_unregister_task(0) != 0 || umcg_destroy_group(static_cast<uint32_t>(own)) != 0)
      return 9;
    return 0;
  });
  EXPECT_EQ(child.exit_code(), 0);
  EXPECT_EQ(Server::run_through(tid), 0u) << "the parent has not noticed";
}

}  // namespace
