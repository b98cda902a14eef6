// SPDX-License-Identifier: Apache-2.0
// main.cc - the smallest use of umcg, as somebody else's program.
#include <cstdio>
#include <mutex>

#include "umcg/mutex.h"
#include "umcg/runtime.h"

int main() {
  umcg::Runtime rt;
  umcg::Mutex mutex;
  int sum = 0;
  auto add = [&](int n) {
    std::scoped_lock lock(mutex);
    sum += n;
  };
  auto a = rt.spawn(add, 40);
  auto b = rt.spawn(add, 2);
  a.join();
  b.join();
  std::printf("%d\n", sum);
  return sum == 42 ? 0 : 1;
}
