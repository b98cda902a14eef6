// SPDX-License-Identifier: Apache-2.0
// thread_pool.cc - a pool of threads becomes a pool of fibers.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <vector>

#include "umcg/runtime.h"
#include "umcg/thread_pool.h"

int download(int page) {
  ::usleep(10'000);  // blocks, as downloads do
  return page * 10;
}

int main() {
  // Before:  ThreadPool pool(64);
  umcg::Runtime rt;
  umcg::ThreadPool pool(rt, {.max_in_flight = 64});  // no more than 64 downloads at once

  std::vector<umcg::Future<int>> pages;
  for (int i = 1; i <= 300; ++i) pages.push_back(pool.submit(download, i));
  long bytes = 0;
  for (auto& page : pages) bytes += page.get();  // or throws what the task threw
  std::printf("300 pages, %ld bytes\n", bytes);

  std::atomic<int> warm = 0;
  for (int i = 1; i <= 100; ++i) {
    pool.post([&warm, i] { warm += download(i) > 0 ? 1 : 0; });  // nobody asks for the result
  }
  pool.wait();
  std::printf("%d pages more\n", warm.load());
}
