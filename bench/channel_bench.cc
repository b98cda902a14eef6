// SPDX-License-Identifier: Apache-2.0
// channel_bench.cc - items through channels.
//
//     unbuffered   two fibers send each other an item by two unbuffered channels; a round trip
//     buffered     the same with a buffer of one item
//     stream       one fiber sends, one receives, through a buffer of 64; an item
//     many         four send and four receive through one buffer of 64; an item
//     select       one fiber selects from four unbuffered channels with a sender each; an item
#include <atomic>
#include <cstdint>
#include <optional>

#include "common/channels.h"
#include "common/harness.h"
#include "common/peers.h"
#include "umcg/select.h"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 64;

template <class Impl, class Channel>
bool play(std::size_t capacity, int rounds) {
  Channel ping(capacity);
  Channel pong(capacity);
  bool right = true;
  Impl::fork(
      [&] {
        for (int i = 0; i < rounds; ++i) pong.send(ping.recv() + 1);
      },
      [&] {
        for (int i = 0; i < rounds; ++i) {
          ping.send(i);
          right = pong.recv() == i + 1 && right;
        }
      });
  return right;
}

// `pairs` senders and as many receivers, each of `each` items.
template <class Impl>
bool stream(int pairs, int each) {
  typename ChannelsOf<Impl>::Buffered channel(kBuffer);
  std::atomic<std::int64_t> sum{0};
  Impl::batch(2 * pairs, [&](int member) {
    std::int64_t received = 0;
    for (int i = 1; i <= each; ++i) {
      if (member % 2 == 0) {
        channel.send(i);
      } else {
        received += channel.recv();
      }
    }
    sum += received;
  });
  return sum == std::int64_t{pairs} * each * (each + 1) / 2;
}

template <class Impl, class Work>
void add_line(const char* variant, int servers, double ops, Work work) {
  add(std::string("channel/") + variant, Impl::name(servers), servers,
      [=](benchmark::State& state) {
        Impl impl(servers);
        measure(state, impl, ops, work);
      });
}

template <class Impl>
void add_buffered(int servers, int total) {
  const int rounds = full_or_smoke(total, 200);
  add_line<Impl>("buffered", servers, rounds,
                 [=] { return play<Impl, typename ChannelsOf<Impl>::Buffered>(1, rounds); });
  add_line<Impl>("stream", servers, rounds, [=] { return stream<Impl>(1, rounds); });
  add_line<Impl>("many", servers, rounds, [=] { return stream<Impl>(4, rounds / 4); });
}

template <class Impl>
void add_unbuffered(int servers, int total) {
  const int rounds = full_or_smoke(total, 200);
  add_line<Impl>("unbuffered", servers, rounds,
                 [=] { return play<Impl, typename ChannelsOf<Impl>::Unbuffered>(0, rounds); });
}

bool select_from_four(int rounds) {
  umcg::Channel<int> a;
  umcg::Channel<int> b;
  umcg::Channel<int> c;
  umcg::Channel<int> d;
  umcg::Channel<int>* const channels[] = {&a, &b, &c, &d};
  std::int64_t sum = 0;
  const int each = rounds / 4;
  umcg::Fiber<> senders[4];
  for (int s = 0; s < 4; ++s) {
    senders[s] = umcg::spawn([&, s] {
      for (int i = 1; i <= each; ++i) (void)channels[s]->send(int{i});
    });
  }
  for (int i = 0; i < 4 * each; ++i) {
    std::optional<int> item;
    (void)umcg::select({a.on_recv(item), b.on_recv(item), c.on_recv(item), d.on_recv(item)});
    sum += item.value_or(0);
  }
  for (auto& sender : senders) sender.join();
  return sum == std::int64_t{4} * each * (each + 1) / 2;
}

void add_select(int servers, int total) {
  const int rounds = full_or_smoke(total, 200);
  add_line<Umcg>("select", servers, rounds, [=] { return select_from_four(rounds); });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  constexpr int kFiberRounds = 40'000;
  constexpr int kThreadRounds = 2'000;
  for (int servers : {1, 2}) {
    bench::add_unbuffered<bench::Umcg>(servers, kFiberRounds);
    bench::add_buffered<bench::Umcg>(servers, kFiberRounds);
    bench::add_select(servers, kFiberRounds);
    bench::add_buffered<bench::StdThreads>(servers, kThreadRounds);
  }
#ifdef UMCG_HAVE_BOOST_FIBER
  bench::add_unbuffered<bench::BoostFiber>(1, kFiberRounds);
  bench::add_buffered<bench::BoostFiber>(1, kFiberRounds);
  bench::add_unbuffered<bench::BoostStealing>(2, kFiberRounds);
  bench::add_buffered<bench::BoostStealing>(2, kFiberRounds);
  bench::add_unbuffered<bench::BoostSharedWork>(2, kFiberRounds);
  bench::add_buffered<bench::BoostSharedWork>(2, kFiberRounds);
#endif
  return bench::run_main(argc, argv);
}
