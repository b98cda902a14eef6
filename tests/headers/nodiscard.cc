// SPDX-License-Identifier: Apache-2.0
// nodiscard.cc - results that must not be dropped. nodiscard.sh compiles it once for each CASE; all
// but case 0 must be refused.
#include "umcg/fiber.h"
#include "umcg/runtime.h"
#include "umcg/thread_pool.h"

void statements(umcg::Runtime& rt) {
#if CASE == 0
  auto a = rt.spawn([] {});
  auto b = umcg::spawn([] {});
  auto c = rt.spawn(umcg::SpawnOptions{.name = "c"}, [] {});
  auto entered = rt.enter();
  rt.post([] {});
  a.join();
  umcg::ThreadPool(rt).post([] {});
#elif CASE == 1
  rt.spawn([] {});
#elif CASE == 2
  umcg::spawn([] {});
#elif CASE == 3
  rt.spawn(umcg::SpawnOptions{.name = "dropped"}, [] {});
#elif CASE == 4
  rt.enter();
#elif CASE == 5
  extern umcg::Fiber<int> start();  // the type itself must not be dropped, whoever returns it
  start();
#elif CASE == 6
  umcg::ThreadPool(rt).submit([] {});  // who wants no result posts
#endif
}
