// SPDX-License-Identifier: Apache-2.0
// periodic.cc - a job every so often, which does not drift and ends when it is asked to.
#include <chrono>
#include <cstdio>
#include <stop_token>

#include "umcg/runtime.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

using namespace std::chrono_literals;

// Calls job() now and at each full period from now on; left-out ones are not made up for.
template <class Job>
void every(std::chrono::nanoseconds period, std::stop_token stop, Job job) {
  auto next = std::chrono::steady_clock::now();
  do {
    job();
    const auto now = std::chrono::steady_clock::now();
    next += period * ((now - next) / period + 1);
  } while (umcg::this_fiber::sleep_until(next, stop) == umcg::WaitStatus::kTimeout);
}

int main() {
  umcg::Runtime rt;
  umcg::Semaphore beats(0);
  auto heart = rt.spawn([&](std::stop_token stop) {
    every(5ms, stop, [&] { beats.release(); });
    std::puts("stopped");
  });
  for (int i = 1; i <= 3; ++i) {
    beats.acquire();
    std::printf("beat %d\n", i);
  }
  heart.request_stop();  // cuts the sleep short
  heart.join();
}
