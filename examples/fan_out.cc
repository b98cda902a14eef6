// SPDX-License-Identifier: Apache-2.0
// fan_out.cc - asks several servers at once, takes the first answer, cancels the others; a
// deadline.
#include <chrono>
#include <cstdio>
#include <stop_token>
#include <string>
#include <vector>

#include "umcg/runtime.h"
#include "umcg/scope.h"

using namespace std::chrono_literals;

// Stands for a call over the network. The token is the scope's.
std::string ask(std::stop_token stop, std::string name, std::chrono::milliseconds delay) {
  const bool stopped = umcg::this_fiber::sleep_until(delay, stop) == umcg::WaitStatus::kStopped;
  return name + (stopped ? " was cancelled" : " answers");
}

void ask_all(umcg::Deadline deadline, std::chrono::milliseconds nearest) {
  umcg::Scope scope(deadline);
  std::vector<umcg::Future<std::string>> replies;
  replies.push_back(scope.spawn(ask, "Tokyo", 1h));
  replies.push_back(scope.spawn(ask, "Paris", nearest));
  replies.push_back(scope.spawn(ask, "Quito", 1h));

  auto first = umcg::when_any(std::move(replies)).get();
  scope.request_stop();  // the others need not go on
  scope.join();
  for (auto& reply : first.futures) std::printf("%s; ", reply.get().c_str());
  std::puts("done");
}

int main() {
  umcg::Runtime rt;
  rt.run([] { ask_all(30min, 10ms); });  // Paris is in time
  rt.run([] { ask_all(20ms, 1h); });     // nobody is: the deadline ends it
}
