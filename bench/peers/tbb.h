// SPDX-License-Identifier: Apache-2.0
// tbb.h - oneTBB's task_group, as a peer. Its tasks have no stacks of their own: they can fork and
// join, and nothing else that a fiber can.
#ifndef UMCG_BENCH_PEERS_TBB_H_
#define UMCG_BENCH_PEERS_TBB_H_
#ifdef UMCG_HAVE_TBB

#include <tbb/info.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

#include <utility>

namespace bench {

class Tbb {
 public:
  static const char* name(int) { return "tbb"; }

  // TBB counts its CPUs once, by the mask of the first thread that asks: before any is confined.
  static void prepare() { tbb::info::default_concurrency(); }

  // The caller of run() takes one of the places in the arena, so no thread is left over.
  explicit Tbb(int servers) : arena_(servers) {}

  template <class F>
  void run(F&& f) {
    arena_.execute(std::forward<F>(f));
  }
  template <class F>
  void spawn_join(F&& f) {
    group_.run(std::forward<F>(f));
    group_.wait();
  }
  template <class F, class G>
  static void fork(F&& f, G&& g) {
    tbb::task_group group;
    group.run(std::forward<F>(f));
    g();
    group.wait();
  }
  template <int N, class F>
  static void fork_n(F f) {
    tbb::task_group group;
    for (int i = 0; i < N; ++i) group.run([&f, i] { f(i); });
    group.wait();
  }
  template <class F>
  void batch(int n, F f) {
    for (int i = 0; i < n; ++i) group_.run([&f, i] { f(i); });
    group_.wait();
  }
  // From a thread that is not in the arena; nobody waits for f.
  template <class F>
  void enqueue(F&& f) {
    arena_.enqueue(std::forward<F>(f));
  }

 private:
  tbb::task_arena arena_;
  tbb::task_group group_;
};

}  // namespace bench

#endif  // UMCG_HAVE_TBB
#endif  // UMCG_BENCH_PEERS_TBB_H_
