// SPDX-License-Identifier: Apache-2.0
// million_bench.cc - very many parked fibers: memory, making them, waking them all.
//
//     parked_1m      1,000,000 fibers with stacks of 16 KiB
//     parked_100k    100,000, for peers that cannot do or do not endure a million
//
// Three figures, each per fiber:
//
//     create_ns         from spawn until it is parked
//     wake_join_ns      from the wake-up of all until the last is joined
//     bytes_per_fiber   growth of the resident memory, while all are parked
//
// Floor: a fiber's stack needs one page, and that is one page fault.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "common/child.h"
#include "common/harness.h"
#include "common/peers.h"
#include "umcg/event.h"

namespace bench {
namespace {

constexpr std::size_t kStackSize = 16 * 1024;

struct Figures {
  double create_ns = 0;
  double wake_join_ns = 0;
  double bytes_per_fiber = 0;
  bool right = false;
};

double resident_bytes() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double ns_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::nano>(b - a).count();
}

// On one server the counters need no lock. Gate has wait() and open().
template <class Impl, class Gate, class Spawn>
Figures park_all(int count, Spawn spawn) {
  std::vector<typename Impl::Handle> fibers(static_cast<std::size_t>(count));
  Gate gate;
  int parked = 0;
  int woken = 0;
  const double resident_before = resident_bytes();

  const Clock::time_point start = Clock::now();
  for (auto& fiber : fibers) {
    fiber = spawn([&] {
      ++parked;
      gate.wait();
      ++woken;
    });
  }
  while (parked < count) Impl::yield();
  Impl::yield();  // the last one is counted and not yet parked
  const Clock::time_point all_parked = Clock::now();

  const double resident_parked = resident_bytes();
  const bool none_woken = woken == 0;

  const Clock::time_point wake = Clock::now();
  gate.open();
  for (auto& fiber : fibers) fiber.join();
  const Clock::time_point end = Clock::now();

  return {.create_ns = ns_between(start, all_parked) / count,
          .wake_join_ns = ns_between(wake, end) / count,
          .bytes_per_fiber = (resident_parked - resident_before) / count,
          .right = none_woken && woken == count};
}

struct UmcgGate {
  umcg::Event event;
  void wait() { event.wait(); }
  void open() { event.set(); }
};

Figures park_umcg(int count) {
  Umcg impl(1, {.stack_size = kStackSize});
  Figures figures;
  impl.run([&] {
    figures = park_all<Umcg, UmcgGate>(count, [](auto&& f) { return umcg::spawn(std::move(f)); });
  });
  return figures;
}

#ifdef UMCG_HAVE_BOOST_FIBER
struct BoostGate {
  boost::fibers::mutex mutex;
  boost::fibers::condition_variable changed;
  bool is_open = false;
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_open; });
  }
  void open() {
    std::lock_guard lock(mutex);
    is_open = true;
    changed.notify_all();
  }
};

Figures park_boost(int count) {
  BoostFiber impl(1);
  Figures figures;
  impl.run([&] {
    figures = park_all<BoostFiber, BoostGate>(count, [](auto&& f) {
      return boost::fibers::fiber(std::allocator_arg, boost::fibers::fixedsize_stack(kStackSize),
                                  std::move(f));
    });
  });
  return figures;
}
#endif

// A virtual machine gives back to its host, in pieces of 2 MiB, what has been free for 2 s, and to
// get a page again costs more than all else here. So each run first fetches as much as it will
// need, and keeps a page of each MiB: what is free then is in smaller pieces.
void warm_memory(int count) {
  constexpr std::size_t kEach = 5 * 1024;
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  constexpr std::size_t kPage = 4096;
  const std::size_t pieces = kEach * static_cast<std::size_t>(count) / kPiece + 1;
  void* memory = mmap(nullptr, pieces * kPiece, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return;
  for (std::size_t i = 0; i < pieces; ++i) {
    madvise(static_cast<char*>(memory) + i * kPiece + kPage, kPiece - kPage, MADV_DONTNEED);
  }
}

// One page touched for each stack, in one mapping that asks for no huge pages.
Figures touch_pages(int count) {
  const std::size_t size = kStackSize * static_cast<std::size_t>(count);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return {};
  madvise(memory, size, MADV_NOHUGEPAGE);
  auto* bytes = static_cast<volatile char*>(memory);
  const double resident_before = resident_bytes();
  const Clock::time_point start = Clock::now();
  for (std::size_t at = 0; at < size; at += kStackSize) bytes[at] = 1;
  const Clock::time_point end = Clock::now();
  return {.create_ns = ns_between(start, end) / count,
          .bytes_per_fiber = (resident_bytes() - resident_before) / count,
          .right = true};
}

void add_parked(const char* variant, const char* impl, int full_count, Figures (*park)(int)) {
  add_once(variant, impl, 1, [=](benchmark::State& state) {
    const int count = full_or_smoke(full_count, 2'000);
    Figures figures;
    for (auto _ : state) {
      // Of its own: what one run has made resident must not be there already for the next.
      figures = in_child([=] {
                  warm_memory(count);
                  return park(count);
                }).value_or(Figures());
      state.SetIterationTime((figures.create_ns + figures.wake_join_ns) * 1e-9 * count);
    }
    if (!figures.right) return fail(state, "wrong result");
    state.counters["create_ns"] = figures.create_ns;
    state.counters["bytes_per_fiber"] = figures.bytes_per_fiber;
    if (figures.wake_join_ns > 0) state.counters["wake_join_ns"] = figures.wake_join_ns;
  });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_parked("million/parked_1m", "umcg", 1'000'000, &bench::park_umcg);
  bench::add_parked("million/parked_1m", "floor", 1'000'000, &bench::touch_pages);
  bench::add_parked("million/parked_100k", "umcg", 100'000, &bench::park_umcg);
  bench::add_parked("million/parked_100k", "floor", 100'000, &bench::touch_pages);
#ifdef UMCG_HAVE_BOOST_FIBER
  bench::add_parked("million/parked_100k", "boost_fiber", 100'000, &bench::park_boost);
#endif
  return bench::run_main(argc, argv);
}
