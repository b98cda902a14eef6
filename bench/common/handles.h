// SPDX-License-Identifier: Apache-2.0
// handles.h - the operations of an implementation, for those that have spawn() and join().
//
// A benchmark is a template over an implementation, so that all do the same work:
//
//     Impl(servers)              start it on so many CPUs
//     impl.run(f)                f as a fiber (or task); the caller waits
//     impl.spawn_join(f)         start f, wait for it
//     impl.fork(f, g)            start f, run g meanwhile, wait for f
//     impl.fork_n<N>(f)          start f(0) ... f(N-1), wait for all
//     impl.batch(n, f)           the same for many
//     Impl::post(f)              start f, nobody waits for it
//     Impl::spawn(f), yield()    for fibers that live on; Impl::Semaphore, Impl::Mutex
//
// An implementation leaves out what it does not have.
#ifndef UMCG_BENCH_COMMON_HANDLES_H_
#define UMCG_BENCH_COMMON_HANDLES_H_

#include <utility>
#include <vector>

namespace bench {

// Impl::Handle is default-constructible, movable and has join().
template <class Impl>
struct Handles {
  template <class F>
  static void spawn_join(F&& f) {
    Impl::spawn(std::forward<F>(f)).join();
  }

  template <class F, class G>
  static void fork(F&& f, G&& g) {
    auto child = Impl::spawn(std::forward<F>(f));
    g();
    child.join();
  }

  template <int N, class F>
  static void fork_n(F f) {
    typename Impl::Handle children[N];
    for (int i = 0; i < N; ++i) children[i] = Impl::spawn([&f, i] { f(i); });
    for (auto& child : children) child.join();
  }

  template <class F>
  static void batch(int n, F f) {
    std::vector<typename Impl::Handle> children;
    children.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) children.push_back(Impl::spawn([&f, i] { f(i); }));
    for (auto& child : children) child.join();
  }
};

}  // namespace bench

#endif  // UMCG_BENCH_COMMON_HANDLES_H_
