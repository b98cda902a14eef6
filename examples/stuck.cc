// SPDX-License-Identifier: Apache-2.0
// stuck.cc - a service that hangs, for docs/debugging.md: find out why, without looking here.
//
//     ./stuck          # hangs; then kill -QUIT its pid, or Ctrl-\ in the terminal
//     ./stuck --right  # the same without the mistake
//
// Fibers book orders and write each one to a journal, which another fiber keeps.
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "umcg/channel.h"
#include "umcg/dump.h"
#include "umcg/mutex.h"
#include "umcg/runtime.h"

namespace {

struct Accounts {
  umcg::Mutex mutex;
  std::map<int, int> balance;
};

// Not inlined, for the sake of the backtraces in docs/debugging.md.
[[gnu::noinline]] void book(Accounts& accounts, umcg::Channel<int>& journal, int order,
                            bool right) {
  std::unique_lock lock(accounts.mutex);
  accounts.balance[order % 7] += order;
  if (right) lock.unlock();
  (void)journal.send(order);
}

[[gnu::noinline]] void keep_journal(Accounts& accounts, umcg::Channel<int>& journal) {
  int entries = 0;
  while (const std::optional<int> order = journal.recv()) {
    std::scoped_lock lock(accounts.mutex);
    const int balance = accounts.balance[*order % 7];
    if (++entries % 100 == 0) std::printf("%d orders; the last made it %d\n", entries, balance);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool right = argc > 1 && std::string_view(argv[1]) == "--right";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  umcg::dump_on_signal(SIGQUIT);
  umcg::Runtime rt({.servers = 2, .name = "orders"});
  rt.run([&] {
    Accounts accounts;
    umcg::Channel<int> journal(0);
    auto keeper = umcg::spawn({.name = "journal"}, [&] { keep_journal(accounts, journal); });
    std::vector<umcg::Fiber<>> orders;
    for (int i = 0; i < 300; ++i) {
      orders.push_back(umcg::spawn({.name = "order " + std::to_string(i)},
                                   [&, i] { book(accounts, journal, i, right); }));
    }
    for (auto& order : orders) order.join();
    journal.close();
    keeper.join();
  });
}
