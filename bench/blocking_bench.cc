// SPDX-License-Identifier: Apache-2.0
// blocking_bench.cc - fibers that block in the kernel without telling the runtime.
//
//     raw_block        64 tasks x 100 rounds of (1 ms in nanosleep(2), 50 us of computing); the
//                      unit is the whole. Floor: the computing alone
//     read_block       the same with read(2) of what is ready after 1 ms
//     page_fault       the same with a page that must be read from the disk, however long that
//     takes
//     ..._yield        the same with a yield in each round
//     ..._6400         6,400 tasks of one round
//     ..._first        raw_block, the first time that the runtime has any
//     two_runtimes     raw_block, half of it in each of two runtimes on the same CPUs. Floor: in
//     one hint_no_block    blocking(f) when f does not block. Floor: the bare call of f
//
// umcg_hint and umcg_now say blocking(f) and blocking_now(f); plain umcg says nothing.
#include <cstdio>
#include <string>
#include <thread>

#include "common/blocking_files.h"
#include "common/blocking_load.h"
#include "common/harness.h"
#include "common/peers.h"
#include "umcg/blocking.h"

namespace bench {
namespace {

struct WithHint {
  void operator()(const BlockingLoad& load, int, int) const {
    umcg::blocking([&] { raw_sleep(load.block); });
  }
};
struct WithCertainty {
  void operator()(const BlockingLoad& load, int, int) const {
    umcg::blocking_now([&] { raw_sleep(load.block); });
  }
};

// Makes a Block for a load, with those that do not look at it.
template <class Block>
Block make_block(const BlockingLoad& load) {
  if constexpr (requires { Block(load); }) {
    return Block(load);
  } else {
    return Block();
  }
}

void add_raw_block(int servers) {
  for (const LoadVariant& variant : {LoadVariant{"blocking/raw_block", 64, 100},
                                     LoadVariant{"blocking/raw_block_yield", 64, 100, true},
                                     LoadVariant{"blocking/raw_block_6400", 6'400, 1}}) {
    add_load_of_all(variant, servers, &make_block<Sleeping>);
    add_load<Umcg>(variant, "umcg_hint", servers, servers, &make_block<WithHint>, &Umcg::yield);
    add_load<Umcg>(variant, "umcg_now", servers, servers, &make_block<WithCertainty>, &Umcg::yield);
  }
  add_load_of_all(
      {.name = "blocking/raw_block_first", .tasks = 64, .rounds = 100, .first = FirstCall::kTimed},
      servers, &make_block<Sleeping>);
}

template <class Block>
void add_other_block(const std::string& name, int servers) {
  for (const LoadVariant& variant :
       {LoadVariant{name, 64, 100}, LoadVariant{name + "_yield", 64, 100, true},
        LoadVariant{name + "_6400", 6'400, 1}}) {
    add_load_of_all(variant, servers, &make_block<Block>);
  }
}

// Two runtimes of so many servers each, as if two libraries had brought their own.
class TwoUmcg {
 public:
  explicit TwoUmcg(int servers) : a_(servers), b_(servers) {}
  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  void batch(int n, F f) {
    const int half = n / 2;
    std::thread other([&] { b_.run([&] { Umcg::batch(n - half, [&](int i) { f(half + i); }); }); });
    a_.run([&] { Umcg::batch(half, f); });
    other.join();
  }

 private:
  Umcg a_, b_;
};

void add_two_runtimes(int servers) {
  const LoadVariant variant{"blocking/two_runtimes", 64, 100};
  add_load<TwoUmcg>(variant, "umcg", servers, servers, &make_block<Sleeping>, Nothing());
  add_load<Umcg>(variant, "floor", servers, servers, &make_block<Sleeping>, Nothing());
}

// Not inlined, so that it is a call; the counter shows that it took place.
struct Counting {
  int* count;
  [[gnu::noinline]] void operator()() const { ++*count; }
};

void add_hint() {
  const int calls = full_or_smoke(1'000'000, 1'000);
  add("blocking/hint_no_block", "umcg", 1, [=](benchmark::State& state) {
    Umcg impl(1);
    measure(state, impl, calls, [=] {
      int count = 0;
      for (int i = 0; i < calls; ++i) umcg::blocking(Counting{&count});
      return count == calls;
    });
  });
  add("blocking/hint_no_block", "floor", 1, [=](benchmark::State& state) {
    OnThisThread here;
    measure(state, here, calls, [=] {
      int count = 0;
      for (int i = 0; i < calls; ++i) Counting{&count}();
      return count == calls;
    });
  });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  for (int servers : {1, 2}) {
    bench::add_raw_block(servers);
    bench::add_other_block<bench::TimerReads>("blocking/read_block", servers);
    bench::add_other_block<bench::ColdPages>("blocking/page_fault", servers);
    bench::add_two_runtimes(servers);
  }
  bench::add_hint();
  return bench::run_main(argc, argv);
}
