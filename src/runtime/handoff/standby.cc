// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/standby.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "kernel_shim/block_oracle.h"
#include "kernel_shim/run_state.h"
#include "kernel_shim/service_thread.h"
#include "kernel_shim/task.h"
#include "kernel_shim/timer_slack.h"
#include "runtime/base/clock.h"
#include "runtime/cpu_count.h"
#include "runtime/handoff/handoff.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"

namespace umcg::inline v0::internal {
namespace {

// The lowest priority, for good: to come back from it takes a privilege.
bool lower(pid_t thread) noexcept {
  const sched_param none{};
  return sched_setscheduler(thread, SCHED_IDLE, &none) == 0;
}

}  // namespace

Standby::~Standby() {
  if (task_ != nullptr) shim::release_task(task_);
}

bool Standby::start(RuntimeCore& rt, Server& server, int cpu) {
  rt_ = &rt;
  home_ = &server;
  watched_ = &server;
  cpu_.set(cpu);
  task_ = shim::acquire_task();
  if (task_ == nullptr) return false;
  std::promise<pid_t> started;
  std::promise<bool> verdict;
  const std::string name = rt.options().name.substr(0, 10) + "/s" + std::to_string(server.index);
  std::thread thread;
  try {
    thread = start_service_thread(name, [&started, able = verdict.get_future(), this]() mutable {
      shim::shorten_timer_slack();
      started.set_value(static_cast<pid_t>(::syscall(SYS_gettid)));
      if (able.get()) run();
    });
  } catch (const std::system_error&) {
    return false;
  }
  const pid_t tid = started.get_future().get();
  const bool able = tie_to_cpu(tid, cpu) && lower(tid);
  if (able) rt.retain();
  verdict.set_value(able);
  able ? thread.detach() : thread.join();
  return able;
}

void Standby::stop() noexcept {
  if (task_ == nullptr) return;  // never started
  stopping_.store(true, std::memory_order_seq_cst);
  (void)shim::wake(*task_);
}

void Standby::arm() noexcept {
  if (rt_ != nullptr && rt_->idle().end_unwatched(home_->index)) (void)shim::wake(*task_);
}

void Standby::run() noexcept {
  std::int64_t quiet_since = 0;
  std::int64_t last_look = 0;
  while (!stopping_.load(std::memory_order_seq_cst)) {
    was_here_lately_ = now_ns() - last_look < kGrace;
    const Saw saw = look();
    const std::int64_t now = now_ns();
    // Off the CPU in between: the worker runs here, where we belong.
    if (now - last_look > kGrace / 2) misses_ = 0;
    last_look = now;
    if (saw != Saw::kNothing) quiet_since = 0;
    switch (saw) {
      case Saw::kNothing:
        if (quiet_since == 0) quiet_since = now;
        first_seen_ = now;
        turn_to_next();
        if (now - quiet_since >= kGrace) {
          sleep_until_armed();
          quiet_since = 0;
        }
        break;
      case Saw::kAtWork:
        miss();
        break;
      case Saw::kNoSpare:
        watched_ == home_ ? wait_for_spare() : miss();
        break;
      case Saw::kPerhaps:
      case Saw::kBlocked:
        misses_ = 0;
        break;
    }
    // Who is asked has pushed us off the CPU already.
    if (saw != Saw::kBlocked) ::sched_yield();
  }
  (void)rt_->idle().end_unwatched(home_->index);
  // A thread's end, and that of a runtime, take locks for which others wait: not to be held by one
  // that gets no CPU. (The kernel grants this to those who may be nice, and to root.)
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_OTHER, &none);
  rt_->release();  // *this is gone
}

void Standby::miss() noexcept {
  turn_to_next();
  // Two rounds: with the first look at a clock nothing can be told yet.
  const int enough = 2 * static_cast<int>(rt_->servers().size()) + 1;
  if (++misses_ == std::min(enough, kMostMisses / 2)) follow();
  if (misses_ < kMostMisses) return;
  nap(kNap);
  misses_ = 0;
}

void Standby::turn_to_next() noexcept {
  const auto servers = rt_->servers();
  watched_ = &servers[(watched_->index + 1) % servers.size()];
}

Standby::Saw Standby::look() noexcept {
  const std::uint64_t word = watched_->word->load(std::memory_order_acquire);
  if (word == 0 || rt_->idle().is_idle(watched_->index) || !rt_->has_queued_work()) {
    return Saw::kNothing;
  }
  if ((word & kProposed) != 0) return Saw::kPerhaps;
  Worker& holder = rt_->workers().at(worker_of(word));
  if (!may_be_blocked(holder)) return Saw::kAtWork;
  if (word != word_) {
    word_ = word;
    seen_ = 0;
    first_seen_ = now_ns();
    asked_ = nullptr;
  }
  if (was_here_lately_ && holder.held_on.get() == cpu_.get()) {
    holder.held_on.set(-1);
    first_seen_ = now_ns();
    return hand_over();
  }
  const bool first = seen_ == 0;
  const shim::Look look = rt_->oracle().look(holder.subject, seen_);
  if (look == shim::Look::kBlocked) return hand_over();
  first_seen_ = now_ns();
  return first ? Saw::kPerhaps : Saw::kAtWork;
}

Standby::Saw Standby::hand_over() noexcept {
  const std::int64_t now = now_ns();
  if (asked_ != nullptr && now - asked_at_ < kPatience && WorkerPool::is_poked(*asked_)) {
    return Saw::kPerhaps;
  }
  // Rather our own, which slept on this CPU.
  asked_ = WorkerPool::poke_spare(*home_, *watched_, first_seen_);
  if (asked_ == nullptr) asked_ = WorkerPool::poke_spare(*watched_, *watched_, first_seen_);
  if (asked_ == nullptr) return Saw::kNoSpare;
  asked_at_ = now;
  return Saw::kBlocked;
}

void Standby::follow() noexcept {
  const std::uint64_t word = home_->word->load(std::memory_order_acquire);
  if (word == 0 || rt_->idle().is_idle(home_->index)) return;
  const Worker& holder = rt_->workers().at(worker_of(word));
  if (!holder.watchable.load(std::memory_order_acquire)) return;
  const int cpu = shim::last_cpu_of(holder.subject.tid);
  if (cpu < 0) return;
  for (const Server& s : rt_->servers()) {
    if (rt_->standby_of(s)->cpu() == cpu) return;  // it may be this one
  }
  cpu_.set(cpu);
  // Refused where a cpuset was changed under us: then the monitor must do.
  (void)tie_to_cpu(0, cpu);
}

void Standby::sleep_until_armed() noexcept {
  IdleSet& idle = rt_->idle();
  const std::uint32_t index = home_->index;
  idle.begin_unwatched(index);
  if (rt_->has_queued_work() && !idle.is_idle(index)) {
    (void)idle.end_unwatched(index);
    return;
  }
  while (idle.is_unwatched(index) && !stopping_.load(std::memory_order_seq_cst)) {
    (void)shim::wait(*task_, kNeverNs);
  }
}

void Standby::wait_for_spare() noexcept {
  wants_spare_.store(true, std::memory_order_seq_cst);
  const bool none_to_come = rt_->workers().at_bound();
  if (!none_to_come) rt_->monitor().provide_spare();
  if (home_->spare.load(std::memory_order_seq_cst) == nullptr) {
    nap(none_to_come ? kLongNap : kNap);
  }
  wants_spare_.store(false, std::memory_order_relaxed);
}

void Standby::spare_came() noexcept {
  if (wants_spare_.exchange(false, std::memory_order_seq_cst)) (void)shim::wake(*task_);
}

void Standby::nap(std::int64_t ns) noexcept { (void)shim::wait(*task_, now_ns() + ns); }

}  // namespace umcg::inline v0::internal
