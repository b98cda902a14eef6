// SPDX-License-Identifier: Apache-2.0
// local_bench.cc - what is done once and then looked at again and again.
//
//     once/alone         call_once() of a function that has run
//     once/16_fibers     the same by 16 fibers
//     fiber_local/get    a look at a fiber's own value, and one added to it
#include <atomic>
#include <cstdint>

#include "common/harness.h"
#include "common/sync_objects.h"
#include "umcg/fiber_local.h"

#ifdef UMCG_HAVE_TBB
#include <tbb/enumerable_thread_specific.h>
#endif

namespace bench {
namespace {

template <class Impl>
bool call_often(Impl& impl, int fibers, int each) {
  typename ObjectsOf<Impl>::OnceFlag flag;
  std::atomic<int> runs{0};
  std::atomic<std::int64_t> calls{0};
  const auto call = [&](int) {
    for (int i = 0; i < each; ++i) {
      ObjectsOf<Impl>::call_once(flag, [&] { ++runs; });
      benchmark::ClobberMemory();
    }
    calls += each;
  };
  if (fibers == 1) {
    call(0);
  } else {
    impl.batch(fibers, call);
  }
  return runs == 1 && calls == std::int64_t{fibers} * each;
}

// get() gives the fiber's own number.
template <class Get>
bool count_up(int count, Get get) {
  const std::int64_t before = get();
  for (int i = 0; i < count; ++i) {
    std::int64_t& own = get();
    ++own;
    benchmark::DoNotOptimize(own);
  }
  return get() == before + count;
}

template <class Impl, class Get>
void add_get(Get get) {
  const int count = full_or_smoke(1'000'000, 1'000);
  add_quick<Impl>("fiber_local/get", 1, count, [=](Impl&) { return count_up(count, get); });
}

constinit umcg::FiberLocal<std::int64_t> umcg_local;
thread_local std::int64_t thread_own = 0;

#ifdef UMCG_HAVE_BOOST_FIBER
std::int64_t& boost_get() {
  static boost::fibers::fiber_specific_ptr<std::int64_t> local;
  if (local.get() == nullptr) local.reset(new std::int64_t(0));
  return *local;
}
#endif

void add_gets() {
  add_get<Umcg>([]() -> std::int64_t& { return umcg_local.get(); });
  add_get<StdThreads>([]() -> std::int64_t& { return thread_own; });
#ifdef UMCG_HAVE_BOOST_FIBER
  add_get<BoostFiber>(&boost_get);
#endif
#ifdef UMCG_HAVE_TBB
  add_get<Tbb>([]() -> std::int64_t& {
    static tbb::enumerable_thread_specific<std::int64_t> local;
    return local.local();
  });
#endif
}

struct RegisterOnce {
  template <class Impl>
  void operator()(int servers) {
    if constexpr (requires { typename ObjectsOf<Impl>::OnceFlag; }) {
      const int fibers = servers == 1 ? 1 : kCrowd;
      const int each = full_or_smoke(1'000'000, 1'000) / fibers;
      add_quick<Impl>(servers == 1 ? "once/alone" : "once/16_fibers", servers,
                      double(fibers) * each,
                      [=](Impl& impl) { return call_often(impl, fibers, each); });
    }
  }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_gets();
  bench::for_each_with_fibers(bench::RegisterOnce());
  bench::for_task_groups(bench::RegisterOnce());
  bench::for_threads(bench::RegisterOnce());
  return bench::run_main(argc, argv);
}
