// SPDX-License-Identifier: Apache-2.0
// The protocol is in select_ops.h.
#include "umcg/select.h"

#include <memory>
#include <optional>
#include <utility>

#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/sync/select_ops.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

// n of them, a few without memory.
template <class T>
class Few {
 public:
  explicit Few(std::size_t n)
      : more_(n > kFew ? std::make_unique<T[]>(n) : nullptr), all_(more_ ? more_.get() : few_) {}
  T& operator[](std::size_t i) noexcept { return all_[i]; }

 private:
  static constexpr std::size_t kFew = 8;
  T few_[kFew];
  std::unique_ptr<T[]> more_;
  T* all_;
};

// Node of a case, with what a stop needs beyond it.
struct Place : WaitNode {
  std::optional<StopWatch> stop_watch;
};

struct StopCase {
  static bool try_now(const SelectCase& c) { return c.stop.stop_requested(); }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    if (c.stop.stop_possible()) {
      static_cast<Place&>(node).stop_watch.emplace(
          c.stop, ClaimAtStop{node.waiter, outcome_at(node.which, kStopAsked)});
    }
    return true;
  }
  // Waits for a callback that is just running.
  static void withdraw(const SelectCase& /*c*/, WaitNode& node) noexcept {
    static_cast<Place&>(node).stop_watch.reset();
  }
  static bool complete(const SelectCase& c, WaitNode& node, Outcome /*code*/) noexcept {
    withdraw(c, node);
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

struct DeadlineCase {
  static Deadline of(const SelectCase& c) noexcept {
    return Deadline(Deadline::Clock::time_point(std::chrono::nanoseconds(c.number)));
  }
  static bool try_now(const SelectCase& c) { return of(c).has_passed(); }
  static bool enqueue(const SelectCase& c, WaitNode& node) noexcept {
    static_cast<PublicWait*>(node.waiter)->add_deadline(of(c), node.which);
    return true;
  }
  static void withdraw(const SelectCase& /*c*/, WaitNode& /*node*/) noexcept {}
  static bool complete(const SelectCase& /*c*/, WaitNode& /*node*/, Outcome /*code*/) noexcept {
    return true;
  }
  static constexpr SelectOps kOps{try_now, enqueue, withdraw, complete};
};

using Cases = std::span<const SelectCase>;
using Order = Few<std::uint32_t>;

// Tries each case once. The order is a random one, made on the way: each step takes one of those
// that are left.
std::optional<std::size_t> try_all(Cases cases, Order& order) {
  const std::size_t n = cases.size();
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(i);
  for (std::size_t i = 0; i < n; ++i) {
    const auto left = static_cast<std::uint32_t>(n - i);
    if (left > 1) std::swap(order[i], order[i + thread_random() % left]);
    const SelectCase& c = cases[order[i]];
    if (c.ops->try_now(c)) return order[i];
  }
  return std::nullopt;
}

// Queues up everywhere and waits. No value: all is to be tried again.
[[gnu::noinline]] std::optional<std::size_t> wait_once(Cases cases, Order& order) {
  Few<Place> places(cases.size());
  PublicWait wait;
  std::size_t queued = 0;
  for (; queued < cases.size() && !wait.is_claimed(); ++queued) {
    const std::uint32_t which = order[queued];
    places[which].waiter = &wait;
    places[which].which = which;
    if (!cases[which].ops->enqueue(cases[which], places[which])) {
      (void)wait.try_claim(kRetry);
      break;
    }
  }
  const Outcome outcome = wait.wait_for_all();
  bool done = false;
  for (std::size_t i = 0; i < queued; ++i) {
    const std::uint32_t which = order[i];
    const SelectCase& c = cases[which];
    if (which == which_of(outcome) && code_of(outcome) != kRetry) {
      done = c.ops->complete(c, places[which], code_of(outcome));
    } else {
      c.ops->withdraw(c, places[which]);
    }
  }
  return done ? std::optional<std::size_t>(which_of(outcome)) : std::nullopt;
}

}  // namespace

std::size_t select(Cases cases) {
  if (cases.empty()) die("select() without a case would wait for ever");
  Order order(cases.size());
  for (;;) {
    if (const auto done = try_all(cases, order)) return *done;
    if (const auto done = wait_once(cases, order)) return *done;
  }
}

std::optional<std::size_t> try_select(Cases cases) {
  Order order(cases.size());
  return try_all(cases, order);
}

SelectCase on_stop(std::stop_token stop) noexcept {
  return {.ops = &StopCase::kOps, .stop = std::move(stop)};
}

SelectCase on_deadline(Deadline deadline) noexcept {
  return {.ops = &DeadlineCase::kOps, .number = deadline.ns()};
}

}  // namespace umcg::inline v0
