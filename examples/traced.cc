// SPDX-License-Identifier: Apache-2.0
// traced.cc - a trace of a reader that blocks, workers behind it, and a mutex between them.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "umcg/mutex.h"
#include "umcg/runtime.h"

using Clock = std::chrono::steady_clock;

void compute(std::chrono::microseconds time) {
  for (const auto end = Clock::now() + time; Clock::now() < end;) {
  }
}

int main(int count, char** arguments) {
  const std::string path = count > 1 ? arguments[1] : "trace.json";
  umcg::Runtime rt({.servers = 1});
  if (const std::error_code error = rt.trace_to(path)) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), error.message().c_str());
    return 1;
  }
  rt.run([] {
    umcg::Mutex mutex;
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < 3; ++i) {
      fibers.push_back(umcg::spawn({.name = "worker"}, [&] {
        std::scoped_lock lock(mutex);
        compute(std::chrono::microseconds(100));
        ::usleep(200);  // with the lock held: the others wait for it, parked
      }));
    }
    fibers.push_back(umcg::spawn({.name = "reader"}, [] { ::usleep(1000); }));
    for (umcg::Fiber<>& f : fibers) f.join();
  });
  return rt.end_trace() ? 1 : 0;
}
