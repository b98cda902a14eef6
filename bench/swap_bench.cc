// SPDX-License-Identifier: Apache-2.0
// swap_bench.cc - two kernel threads, or two processes, that pass the turn to each other.
//
//     two_threads    umcg_swap() of two threads, on one CPU (1) or on either of two (2)
//     two_processes  umcg_shared_swap() of two processes, likewise
//
// The unit is one switch. Floor: a bare futex wake and a bare futex wait.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <thread>

#include "common/harness.h"
#include "common/turns.h"

namespace bench {
namespace {

// What both sides see.
template <class Turns>
struct Table {
  explicit Table(bool processes) : turns(processes) {}
  Turns turns;
  std::atomic<bool> seated{false};
  std::atomic<bool> over{false};
  std::int64_t visits = 0;  // of side 1; whoever has the turn may touch it
};

template <class Turns>
void serve(Table<Turns>& table) {
  table.turns.enter(1);
  table.seated.store(true);
  table.turns.take(1);
  while (!table.over.load()) {
    ++table.visits;
    table.turns.pass(1);
  }
  table.turns.give(0);
  table.turns.leave(1);
}

template <class Turns, bool kProcesses>
class Pair {
 public:
  Pair()
      : table_(*new (mmap(nullptr, sizeof(Table<Turns>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Table<Turns>(kProcesses)) {
    if (!kProcesses) {
      thread_ = std::thread([this] { serve(table_); });
    } else if (child_ = fork(); child_ == 0) {
      serve(table_);
      _exit(0);
    }
    table_.turns.enter(0);
    while (!table_.seated.load()) std::this_thread::yield();
  }
  ~Pair() {
    table_.over.store(true);
    table_.turns.pass(0);
    if (kProcesses) {
      waitpid(child_, nullptr, 0);
    } else {
      thread_.join();
    }
    table_.turns.leave(0);
    table_.~Table<Turns>();
    munmap(&table_, sizeof table_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Two switches each. True: the other side ran as often.
  bool round_trips(std::int64_t n) {
    const std::int64_t before = table_.visits;
    for (std::int64_t i = 0; i < n; ++i) table_.turns.pass(0);
    return table_.visits - before == n;
  }

 private:
  Table<Turns>& table_;
  std::thread thread_;
  pid_t child_ = -1;
};

template <class Turns, bool kProcesses>
void add_pair(const char* impl) {
  for (int cpus : {1, 2}) {
    add(
        kProcesses ? "swap/two_processes" : "swap/two_threads", impl, cpus,
        [=](benchmark::State& state) {
          const std::int64_t n = full_or_smoke(2'000, 100);
          Pair<Turns, kProcesses> pair;
          OnThisThread here;
          measure(state, here, 2.0 * static_cast<double>(n), [&] { return pair.round_trips(n); });
        },
        Length::kQuick);
  }
}

template <class Ours, bool kProcesses>
void add_all() {
  add_pair<Ours, kProcesses>("umcg");
  add_pair<FutexTurns, kProcesses>("floor");
  add_pair<CondvarTurns, kProcesses>("condvar");
  add_pair<EventfdTurns, kProcesses>("eventfd");
  add_pair<ByteTurns<false>, kProcesses>("pipe");
  add_pair<ByteTurns<true>, kProcesses>("socketpair");
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::add_all<bench::TaskTurns, false>();
  bench::add_pair<bench::SemaphoreTurns, false>("std_thread");
  bench::add_all<bench::SharedTaskTurns, true>();
  return bench::run_main(argc, argv);
}
