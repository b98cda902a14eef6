// SPDX-License-Identifier: Apache-2.0
// timer_bench.cc - deadlines: what they cost when they do not come, and how late they come.
//
//     arm_cancel      a timer is armed and cancelled, nothing else is armed. umcg: the heap itself,
//                     since a timer there is part of a wait
//     arm_cancel_1m   a million are armed; the oldest is cancelled and a new one armed in its place
//     timed_wait      semaphore ping-pong in which each wait has a deadline, an hour away
//     sleep_1ms       how late a sleep of 1 ms ends, nobody else is ready
// clang-format off: these before Boost.Fiber, which makes a macro of cpu_relax.
#include "runtime/time/timer_heap.h"
#include "runtime/waiting/waiter.h"
// clang-format on

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#ifdef UMCG_HAVE_ASIO
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#endif

#include "common/delays.h"
#include "common/harness.h"
#include "common/peers.h"
#include "umcg/semaphore.h"
#include "umcg/this_fiber.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// Of one shape: arm(slot, t) cancels what is armed in the slot, if anything is, and arms it anew.
// settle() does what the cancelled have left to do. is_right() is told how many were cancelled, and
// the earliest deadline of the others. The destructor cancels the rest.
class UmcgTimers {
 public:
  static const char* name() { return "umcg"; }
  explicit UmcgTimers(std::size_t count) : timers_(count) {}
  ~UmcgTimers() {
    for (auto& timer : timers_) timer->cancel();
  }
  UmcgTimers(const UmcgTimers&) = delete;
  UmcgTimers& operator=(const UmcgTimers&) = delete;

  void arm(std::size_t slot, Clock::time_point t) {
    if (timers_[slot]) timers_[slot]->cancel();
    timers_[slot].emplace(waiter_, t.time_since_epoch().count());
    heap_.insert(*timers_[slot]);
  }
  void settle() {}
  bool is_right(std::int64_t, Clock::time_point earliest) const {
    return heap_.earliest() == earliest.time_since_epoch().count();
  }

 private:
  umcg::internal::TimerHeap heap_;
  umcg::internal::Waiter waiter_;
  std::vector<std::optional<umcg::internal::Timer>> timers_;
};

#ifdef UMCG_HAVE_ASIO
class AsioTimers {
 public:
  static const char* name() { return "asio"; }
  explicit AsioTimers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(context_);
  }
  void arm(std::size_t slot, Clock::time_point t) {
    timers_[slot].expires_at(t);
    timers_[slot].async_wait([this](const boost::system::error_code& error) {
      if (error == boost::asio::error::operation_aborted) ++cancelled_;
    });
  }
  void settle() { context_.poll(); }
  bool is_right(std::int64_t cancelled, Clock::time_point) const { return cancelled_ == cancelled; }

 private:
  std::int64_t cancelled_ = 0;
  boost::asio::io_context context_{1};
  std::deque<boost::asio::steady_timer> timers_;
};
#endif

// `armed` timers of one or two hours; `count` times the oldest is replaced.
template <class Timers>
void add_arm_cancel(const char* name, int full_armed) {
  add_once(name, Timers::name(), 1, [=](benchmark::State& state) {
    const auto armed =
        static_cast<std::size_t>(full_or_smoke(full_armed, std::min(full_armed, 1'000)));
    const int count = full_or_smoke(20'000, 1'000);
    std::minstd_rand random(1);
    const Clock::time_point start = Clock::now();
    Timers timers(armed);
    std::vector<Clock::time_point> deadlines(armed);
    std::size_t oldest = 0;
    const auto arm_oldest = [&] {
      deadlines[oldest] = start + 1h + std::chrono::microseconds(random());
      timers.arm(oldest, deadlines[oldest]);
      if (++oldest == armed) oldest = 0;
    };
    for (std::size_t i = 0; i < armed; ++i) arm_oldest();

    std::int64_t cancelled = 0;
    OnThisThread here;
    measure(state, here, count, [&] {
      for (int i = 0; i < count; ++i) arm_oldest();
      timers.settle();
      cancelled += count;
      return true;
    });
    const Clock::time_point earliest = *std::min_element(deadlines.begin(), deadlines.end());
    if (!timers.is_right(cancelled, earliest)) fail(state, "wrong result");
  });
}

template <class Impl>
bool timed_ping_pong(int rounds) {
  typename Impl::Semaphore ping(0);
  typename Impl::Semaphore pong(0);
  int visits = 0;  // guarded by the turn
  bool pinged = true;
  bool ponged = true;
  Impl::fork(
      [&] {
        for (int i = 0; i < rounds; ++i) {
          pinged = ping.try_acquire_for(1h) && pinged;
          ++visits;
          pong.release();
        }
      },
      [&] {
        for (int i = 1; i <= rounds; ++i) {
          ping.release();
          ponged = pong.try_acquire_for(1h) && ponged && visits == i;
        }
      });
  return pinged && ponged;
}

template <class Impl>
void add_timed_wait(int servers, int full_rounds) {
  const int rounds = full_or_smoke(full_rounds, 100);
  add_quick<Impl>("timer/timed_wait", servers, rounds,
                  [=](Impl&) { return timed_ping_pong<Impl>(rounds); });
}

template <class Impl, class Sleep>
void add_sleep(Sleep sleep) {
  add_once("timer/sleep_1ms", Impl::name(1), 1, [=](benchmark::State& state) {
    const int rounds = full_or_smoke(40, 5);
    std::vector<Clock::duration> delays;
    Impl impl(1);
    for (auto _ : state) {
      const Clock::time_point start = Clock::now();
      impl.run([&] { sleep_again_and_again(rounds, sleep, delays); });
      state.SetIterationTime(seconds_of(Clock::now() - start));
    }
    report_delays(state, delays);
  });
}

void add_sleeps() {
  add_sleep<Umcg>([](Clock::time_point t) { umcg::this_fiber::sleep_until(t); });
  add_sleep<StdThreads>([](Clock::time_point t) { std::this_thread::sleep_until(t); });
#ifdef UMCG_HAVE_BOOST_FIBER
  add_sleep<BoostFiber>([](Clock::time_point t) { boost::this_fiber::sleep_until(t); });
#endif
#ifdef UMCG_HAVE_STATE_THREADS
  add_sleep<StateThreads>([](Clock::time_point) { st_usleep(1'000); });
#endif
}

template <class Timers>
void add_timers() {
  add_arm_cancel<Timers>("timer/arm_cancel", 1);
  add_arm_cancel<Timers>("timer/arm_cancel_1m", 1'000'000);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::prepare_peers();
  bench::add_timers<bench::UmcgTimers>();
#ifdef UMCG_HAVE_ASIO
  bench::add_timers<bench::AsioTimers>();
#endif
  constexpr int kFiberRounds = 10'000;
  constexpr int kSlowRounds = 1'000;
  for (int servers : {1, 2}) {
    bench::add_timed_wait<bench::Umcg>(servers, kFiberRounds);
    bench::add_timed_wait<bench::StdThreads>(servers, kSlowRounds);
  }
#ifdef UMCG_HAVE_BOOST_FIBER
  bench::add_timed_wait<bench::BoostFiber>(1, kFiberRounds);
  bench::add_timed_wait<bench::BoostStealing>(2, kSlowRounds);
  bench::add_timed_wait<bench::BoostSharedWork>(2, kSlowRounds);
#endif
  bench::add_sleeps();
  return bench::run_main(argc, argv);
}
