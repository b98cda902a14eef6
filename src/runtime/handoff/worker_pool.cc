// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/worker_pool.h"

#include <pthread.h>

#include <new>
#include <utility>

#include "kernel_shim/task.h"
#include "runtime/handoff/server_word.h"
#include "runtime/handoff/worker_thread.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/server.h"

namespace umcg::inline v0::internal {

WorkerPool::WorkerPool(RuntimeCore& rt, std::uint32_t max_workers)
    : rt_(rt),
      most_(most(max_workers)),
      bound_(max_workers),
      slots_(std::make_unique<std::atomic<Worker*>[]>(most_)) {
  pthread_sigmask(SIG_SETMASK, nullptr, &signal_mask_);
}

WorkerPool::~WorkerPool() {
  for (std::uint64_t i = 0; i < count(); ++i) {
    Worker* const w = slots_[i].load();
    if (w->watchable.load()) rt_.oracle().detach(w->subject);
    shim::release_task(w->task);
    delete w;
  }
}

Worker* WorkerPool::create_within(std::uint32_t limit) noexcept {
  std::lock_guard lock(create_);
  const auto index = static_cast<std::uint32_t>(count());
  if (index >= limit || index >= most_ || stopping()) return nullptr;
  std::unique_ptr<Worker> w(new (std::nothrow) Worker);
  if (w == nullptr) return nullptr;
  w->task = shim::acquire_task();
  if (w->task == nullptr) return nullptr;
  w->rt = &rt_;
  w->index = index;
  try {
    w->thread = std::thread(worker_thread, std::ref(*w));
  } catch (...) {  // std::system_error: no thread; std::bad_alloc: no memory to ask for one
    shim::release_task(w->task);
    return nullptr;
  }
  // Here and not on the thread: whoever finds the worker in its slot may look at its clock.
  pthread_getcpuclockid(w->thread.native_handle(), &w->cpu_clock);
  slots_[index].store(w.get(), std::memory_order_release);
  count_.store(index + 1, std::memory_order_release);
  return w.release();
}

bool WorkerPool::raise_bound() noexcept {
  if (!at_bound()) return true;
  if (count() >= most_) return false;
  bound_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

Worker* WorkerPool::take_for(Server& server) noexcept {
  if (Worker* w = server.spare.exchange(nullptr, std::memory_order_acq_rel)) return w;
  if (Worker* w = take_idle()) return w;
  for (Server& s : rt_.servers()) {
    if (Worker* w = s.spare.exchange(nullptr, std::memory_order_acq_rel)) return w;
  }
  return nullptr;
}

Worker* WorkerPool::take_or_create(Server& server) noexcept {
  Worker* const w = take_for(server);
  return w != nullptr ? w : create();
}

Worker* WorkerPool::take_idle(int cpu) noexcept {
  constexpr int kMostLooks = 4;
  std::lock_guard lock(lock_);
  Worker* before = nullptr;  // in the list; null: the first one is taken
  Worker* last = nullptr;
  int looks = cpu >= 0 ? kMostLooks : 0;
  for (Worker* w = idle_; w != nullptr && looks > 0; --looks, last = w, w = w->next_idle) {
    if (w->slept_on.get() == cpu) {
      before = last;
      break;
    }
  }
  Worker*& link = before != nullptr ? before->next_idle : idle_;
  Worker* const w = link;
  if (w != nullptr) {
    link = w->next_idle;
    if (link == nullptr) last_idle_ = before;
    listed_.fetch_sub(1, std::memory_order_relaxed);
  }
  return w;
}

int WorkerPool::cpu_of_standby(Server& s) const noexcept {
  const Standby* const standby = rt_.standby_of(s);
  return standby != nullptr ? standby->cpu() : -1;
}

std::uint64_t WorkerPool::idle_count() const noexcept {
  std::uint64_t n = listed_.load(std::memory_order_relaxed);
  for (const Server& s : rt_.servers()) n += s.spare.load(std::memory_order_relaxed) != nullptr;
  return n;
}

bool WorkerPool::give_spare(Server& s, Worker& worker) noexcept {
  Worker* none = nullptr;
  if (s.spare.load(std::memory_order_relaxed) != nullptr ||
      !s.spare.compare_exchange_strong(none, &worker, std::memory_order_seq_cst)) {
    return false;
  }
  if (Standby* standby = rt_.standby_of(s)) standby->spare_came();
  return true;
}

void WorkerPool::put_back(Worker& worker) noexcept {
  const bool tired = std::exchange(worker.tired, false);
  if (!tired) {
    const int cpu = worker.slept_on.get();
    for (Server& s : rt_.servers()) {
      if (cpu >= 0 && cpu_of_standby(s) == cpu && give_spare(s, worker)) return;
    }
    for (Server& s : rt_.servers()) {
      if (give_spare(s, worker)) return;
    }
  }
  std::lock_guard lock(lock_);
  Worker*& link = tired && last_idle_ != nullptr ? last_idle_->next_idle : idle_;
  worker.next_idle = std::exchange(link, &worker);
  if (worker.next_idle == nullptr) last_idle_ = &worker;
  listed_.fetch_add(1, std::memory_order_relaxed);
}

void WorkerPool::replenish(Server& server) noexcept {
  if (server.spare.load(std::memory_order_relaxed) != nullptr) return;
  Worker* w = take_idle(cpu_of_standby(server));
  if (w == nullptr) w = create();
  if (w != nullptr && !give_spare(server, *w)) put_back(*w);
}

Worker* WorkerPool::take_for_bound() noexcept {
  bound_.fetch_add(1, std::memory_order_relaxed);
  Worker* w = take_idle();
  // Not within the bound: those made for earlier bound fibers may have filled it.
  if (w == nullptr) w = create_within(most_);
  if (w == nullptr) end_bound();
  return w;
}

void WorkerPool::assign(Worker& worker, Server& server) noexcept {
  assign_asleep(worker, server);
  (void)shim::wake(*worker.task);
}

void WorkerPool::assign_asleep(Worker& worker, Server& server) noexcept {
  // The release hands over all that belongs to the holder; it pairs with the acquire of the
  // exchange in worker_thread().
  server.word->store(word_of(worker), std::memory_order_release);
  worker.assigned.store(&server, std::memory_order_release);
}

void WorkerPool::ask_to_claim(Worker& worker, Server& server, std::int64_t seen_at) noexcept {
  worker.seen_at.set(seen_at);
  worker.claim_target.store(&server, std::memory_order_release);
  (void)shim::wake(*worker.task);
}

Worker* WorkerPool::poke_spare(Server& home, Server& server, std::int64_t seen_at) noexcept {
  Worker* const spare = home.spare.load(std::memory_order_acquire);
  if (spare == nullptr) return nullptr;
  spare->seen_at.set(seen_at);
  spare->poked_for.set(&server);
  spare->poked_by.store(&home, std::memory_order_release);
  (void)shim::wake(*spare->task);
  return spare;
}

void WorkerPool::stop_and_join() noexcept {
  {
    std::lock_guard lock(create_);  // nobody is created after this
    stopping_.store(true, std::memory_order_seq_cst);
  }
  for (std::uint64_t i = 0; i < count(); ++i) (void)shim::wake(*slots_[i].load()->task);
  for (std::uint64_t i = 0; i < count(); ++i) slots_[i].load()->thread.join();
}

}  // namespace umcg::inline v0::internal
