// SPDX-License-Identifier: Apache-2.0
// post_bench.cc - work that is handed over: by a thread outside of the runtime, or without a
// handle.
//
//     remote/serial      a plain thread starts one and waits for its end
//     remote/batch       a plain thread starts 5,000 and waits for all; one of them
//     post/batch         a fiber starts 2,000 with nobody to join them; a wait group counts them
//
// Of kernel threads it is 500.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "common/harness.h"
#include "common/sync_objects.h"

namespace bench {
namespace {

// start f, wait; start n, wait for all: by the calling thread, which is outside.
template <class Impl>
struct Outside {
  Impl& impl;
  template <class F>
  void serial(F f) {
    impl.spawn_join(f);
  }
  template <class F>
  void batch(int n, F f) {
    impl.batch(n, f);
  }
};

template <>
struct Outside<Umcg> {
  Umcg& impl;
  template <class F>
  void serial(F f) {
    impl.runtime().spawn(f).join();
  }
  template <class F>
  void batch(int n, F f) {
    std::vector<umcg::Fiber<>> fibers;
    fibers.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) fibers.push_back(impl.runtime().spawn([&f, i] { f(i); }));
    for (auto& fiber : fibers) fiber.join();
  }
};

#ifdef UMCG_HAVE_TBB
template <>
struct Outside<Tbb> {
  Tbb& impl;
  template <class F>
  void serial(F f) {
    batch(1, [&f](int) { f(); });
  }
  template <class F>
  void batch(int n, F f) {
    Countdown left(n);
    for (int i = 0; i < n; ++i) {
      impl.enqueue([&f, &left, i] {
        f(i);
        left.done();
      });
    }
    left.wait();
  }
};
#endif

// Right if each task ran once.
class Slots {
 public:
  explicit Slots(int count) : slots_(static_cast<std::size_t>(count)) {}
  void visit(int i) { slots_[static_cast<std::size_t>(i)] += i + 1; }
  bool were_all_visited_once() {
    const auto n = static_cast<std::int64_t>(slots_.size());
    const auto sum = std::accumulate(slots_.begin(), slots_.end(), std::int64_t{0});
    std::fill(slots_.begin(), slots_.end(), 0);
    return sum == n * (n + 1) / 2;
  }

 private:
  std::vector<int> slots_;
};

template <class Impl>
void add_remote(int servers, int full_serial, int full_batch) {
  const auto add_one = [=](const char* name, int ops, auto work) {
    add(
        name, Impl::name(servers), servers,
        [=](benchmark::State& state) {
          Impl impl(servers);
          Outside<Impl> outside{impl};
          OnThisThread here;
          measure(state, here, ops, [&] { return work(outside); });
        },
        Length::kQuick);
  };
  const int serial = full_or_smoke(full_serial, 50);
  add_one("remote/serial", serial, [=](Outside<Impl>& outside) {
    int ran = 0;
    for (int i = 0; i < serial; ++i) outside.serial([&ran] { ++ran; });
    return ran == serial;
  });
  const int batch = full_or_smoke(full_batch, 500);
  add_one("remote/batch", batch, [=](Outside<Impl>& outside) {
    Slots slots(batch);
    outside.batch(batch, [&slots](int i) { slots.visit(i); });
    return slots.were_all_visited_once();
  });
}

template <class Impl>
bool post_all(int count) {
  Slots slots(count);
  typename ObjectsOf<Impl>::WaitGroup group(count);
  for (int i = 0; i < count; ++i) {
    Impl::post([&slots, &group, i] {
      slots.visit(i);
      group.done();
    });
  }
  group.wait();
  return slots.were_all_visited_once();
}

struct RegisterRemote {
  template <class Impl>
  void operator()(int servers) {
    add_remote<Impl>(servers, 300, 5'000);
  }
};
struct RegisterRemoteThreads {
  template <class Impl>
  void operator()(int servers) {
    add_remote<Impl>(servers, 200, 500);
  }
};

struct RegisterPost {
  int count;
  template <class Impl>
  void operator()(int servers) {
    if constexpr (requires { typename ObjectsOf<Impl>::WaitGroup; }) {
      const int n = full_or_smoke(count, 200);
      add_quick<Impl>("post/batch", servers, n, [=](Impl&) { return post_all<Impl>(n); });
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  for (int servers : {1, 2}) bench::RegisterRemote().operator()<bench::Umcg>(servers);
  bench::for_task_groups(bench::RegisterRemote());
  bench::for_each_pool(bench::RegisterRemote());
  bench::for_threads(bench::RegisterRemoteThreads());
  bench::for_each_with_fibers(bench::RegisterPost{2'000});
  bench::for_threads(bench::RegisterPost{500});
  return bench::run_main(argc, argv);
}
