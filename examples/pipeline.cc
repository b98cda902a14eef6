// SPDX-License-Identifier: Apache-2.0
// pipeline.cc - stages joined by channels; the last one also keeps an eye on the time.
#include <chrono>
#include <cstdio>
#include <optional>

#include "umcg/channel.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/select.h"

using namespace std::chrono_literals;

int main() {
  umcg::Runtime rt;
  rt.run([] {
    umcg::Channel<long> numbers(16);
    umcg::Channel<long> squares(16);
    umcg::Scope stages;
    stages.spawn([&] {
      for (long i = 1; i <= 10'000; ++i) (void)numbers.send(i);  // waits while the channel is full
      numbers.close();
    });
    stages.spawn([&] {
      for (long n : numbers) (void)squares.send(n * n);
      squares.close();
    });
    long sum = 0;
    for (std::optional<long> square;;) {
      if (umcg::select({squares.on_recv(square), umcg::on_deadline(1s)}) == 1) {
        std::fputs("nothing for a second\n", stderr);
      } else if (square) {
        sum += *square;
      } else {
        break;  // closed, and nothing left
      }
    }
    std::printf("1^2 + ... + 10000^2 = %ld\n", sum);
  });
}
