// SPDX-License-Identifier: Apache-2.0
// graceful.cc - SIGTERM: accept nothing more, let what is under way finish, give up after a while.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "umcg/runtime.h"
#include "umcg/signal.h"
#include "umcg/thread_pool.h"

using namespace std::chrono_literals;

int main() {
  umcg::SignalSet ends{SIGTERM, SIGINT};  // before the runtime: its threads must block them too
  umcg::Runtime rt;
  umcg::ThreadPool requests(rt);
  int accepted = 0;
  std::atomic<int> answered = 0;

  auto server = rt.spawn([&](std::stop_token stop) {
    while (umcg::this_fiber::sleep_until(2ms, stop) == umcg::WaitStatus::kTimeout) {
      ++accepted;  // stands for accept()
      requests.post([&] {
        ::usleep(100'000);
        ++answered;
      });
    }
  });
  std::puts("ready");
  std::fflush(stdout);
  std::printf("signal %d\n", ends.wait());
  server.request_stop();
  server.join();
  if (requests.wait({}, 30s) != umcg::WaitStatus::kReady) std::_Exit(1);  // ~ThreadPool would wait
  std::printf("%s\n", accepted == answered ? "all answered" : "some lost");
}
