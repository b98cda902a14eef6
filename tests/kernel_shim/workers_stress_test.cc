// SPDX-License-Identifier: Apache-2.0
// workers_stress_test.cc - servers and workers that do everything at once, on a nasty kernel.
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "nasty_futex.h"
#include "workers_util.h"

namespace {

using umcg_test::Group;
using umcg_test::Server;
using umcg_test::Worker;

class WorkersStress : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::size_t kWorkers = 5;
  static constexpr int kServers = 2;
  static constexpr int kItems = 400;  // each worker sends so many

  // A worker's letters: who sends puts one in, and then wakes it.
  struct Box {
    std::atomic<umcg_tid> tid{0};
    std::atomic<int> letters{0};
    std::atomic<int> to_come{0};
  };

  void work(std::size_t me) {
    umcg_test::Random random(1000 + me);
    Box& mine = boxes_[me];
    int sent = 0;
    int received = 0;
    const auto take = [&] { received += mine.letters.exchange(0, std::memory_order_relaxed); };
    while (sent < kItems || received < mine.to_come) {
      take();
      if (sent == kItems) {
        // Nothing else to do: a wake-up that is lost is a hang.
        if (received < mine.to_come) wait(random, random.below(2) == 0);
        continue;
      }
      if (random.below(3) == 0) wait(random, true);
      if (random.below(8) == 0) {
        const timespec nap{0, static_cast<long>(random.below(200'000))};
        nanosleep(&nap, nullptr);
      }
      Box& other = boxes_[(me + 1 + static_cast<std::size_t>(sent) % (kWorkers - 1)) % kWorkers];
      ++sent;
      other.letters.fetch_add(1, std::memory_order_relaxed);
      int result = 0;
      if (random.below(2) == 0) {
        result = umcg_wake(0, other.tid);
      } else {
        const timespec soon = in(random.below(100'000));
        result = umcg_swap(0, other.tid, 0, &soon);
      }
      // Gone: it has received all, this one too.
      ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -ESRCH || result == -ETIMEDOUT ||
                  result == -EINTR)
          << result;
      random.delay();
    }
  }

  static timespec in(std::uint64_t ns) {
    return umcg_test::to_timespec(umcg_test::now_ns() + static_cast<std::int64_t>(ns));
  }
  static void wait(umcg_test::Random& random, bool limited) {
    const timespec soon = in(random.below(100'000));
    const timespec patience = in(umcg_test::kPatienceNs);
    const int result = umcg_wait(0, limited ? &soon : &patience);
    if (result == 0 || result == -EINTR || (limited && result == -ETIMEDOUT)) return;
    ADD_FAILURE() << "a wait ended with " << result;
    abort();  // the others would wait for ever
  }

  std::array<Box, kWorkers> boxes_;
};

TEST_P(WorkersStress, EveryWakeUpArrives) {
  const std::uint64_t flags = GetParam();
  if (!umcg_test::can_have(flags)) GTEST_SKIP() << "there are no such groups here";

  for (std::size_t me = 0; me < kWorkers; ++me) {
    for (int i = 0; i < kItems; ++i) {
      ++boxes_[(me + 1 + static_cast<std::size_t>(i) % (kWorkers - 1)) % kWorkers].to_come;
    }
  }
  NastyFutex nasty;
  Group group(flags);
  std::atomic<int> left{kWorkers};
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<std::size_t> known{0};
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Worker>(group, [&, i] {
      boxes_[i].tid = workers[i]->tid();
      ++known;
      const timespec nap{0, 200'000};  // blocks: the others get the servers
      while (known != kWorkers) nanosleep(&nap, nullptr);
      work(i);
    }));
  }
  std::vector<std::thread> servers;
  for (int i = 0; i < kServers; ++i) {
    servers.emplace_back([&] {
      Server server(group);
      Server::serve(left);
    });
  }
  // Preemptions, and signals whose handler wakes somebody, whatever it has interrupted.
  static std::atomic<umcg_tid> target;
  struct sigaction action = {};
  struct sigaction saved;
  action.sa_handler = [](int) { (void)umcg_wake(0, target); };
  sigaction(SIGUSR1, &action, &saved);
  std::thread nuisance([&] {
    umcg_test::Random random(7);
    while (left > 0) {
      const std::size_t i = random.below(kWorkers);
      target = boxes_[random.below(kWorkers)].tid.load();
      (void)umcg_preempt_worker(0, boxes_[i].tid);
      pthread_kill(workers[i]->native_handle(), SIGUSR1);
      random.delay();
    }
  });
  for (std::thread& server : servers) server.join();
  nuisance.join();
  workers.clear();
  sigaction(SIGUSR1, &saved, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Groups, WorkersStress,
                         testing::Values(0u, UMCG_GROUP_PREEMPTION, UMCG_GROUP_PARK,
                                         UMCG_GROUP_PREEMPTION | UMCG_GROUP_PARK));

}  // namespace
