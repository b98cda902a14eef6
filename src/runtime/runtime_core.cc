// SPDX-License-Identifier: Apache-2.0
#include "runtime/runtime_core.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <stdexcept>
#include <system_error>

#include "kernel_shim/process_barrier.h"
#include "runtime/base/clock.h"
#include "runtime/base/exit_state.h"
#include "runtime/base/lock_sleepers.h"
#include "runtime/base/report.h"
#include "runtime/base/sanitizers.h"
#include "runtime/cpu_count.h"
#include "runtime/debug/fiber_report.h"
#include "runtime/debug/runtime_list.h"
#include "runtime/debug/thread_view.h"
#include "runtime/fiber/stop_state.h"
#include "runtime/handoff/server_word.h"
#include "runtime/scheduler/points.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stack/overflow.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uint64_t kNotForked = 0x756d6367;

std::atomic<std::uint64_t> g_next_id{1};  // over all runtimes of the process

std::unique_ptr<shim::BlockOracle> choose_oracle(const RuntimeOptions& options) {
  // Nobody will ask it: no need to try what works.
  if (options.handoff == Handoff::kOff) return shim::make_oracle(shim::OracleKind::kClock);
  std::string why;
  auto oracle = shim::choose_oracle(options.oracle, &why);
  if (!why.empty()) warn("runtime \"%s\": %s", options.name.c_str(), why.c_str());
  return oracle;
}

void nap() noexcept {
  constexpr timespec kNap{0, 50'000};
  ::nanosleep(&kNap, nullptr);
}

// In a child of a pinned worker, which may exec.
void unpin_child() {
  const Worker* const w = current_worker();
  if (w != nullptr && w->pinned_cpu >= 0) w->rt->cpus().use();
}

}  // namespace

struct RuntimeCore::WipedOnFork {
  std::atomic<std::uint64_t> mark;
  struct alignas(64) Word {
    std::atomic<std::uint64_t> word;
  } words[ServerBits::kMaxServers];

  static WipedOnFork* make() {
    void* memory = ::mmap(nullptr, sizeof(WipedOnFork), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    ::madvise(memory, sizeof(WipedOnFork), MADV_WIPEONFORK);
    auto* const made = ::new (memory) WipedOnFork;
    made->mark.store(kNotForked, std::memory_order_relaxed);
    return made;
  }
};

void RuntimeCore::Unmap::operator()(WipedOnFork* wiped) const noexcept {
  ::munmap(wiped, sizeof *wiped);
}

std::atomic<std::uint64_t>& RuntimeCore::no_server_word() noexcept {
  static constinit std::atomic<std::uint64_t> none{0};
  return none;
}

bool RuntimeCore::prepare_barrier() noexcept {
  const bool has_barrier = shim::prepare_process_barrier();
  if (has_barrier) LockSleepers::rely_on_barrier();
  return has_barrier;
}

RuntimeCore::RuntimeCore(Runtime& handle, RuntimeOptions options)
    : handle_(handle),
      options_(std::move(options)),
      server_count_(static_cast<std::size_t>(options_.servers)),
      cpus_(CpuList::current()),
      wiped_(WipedOnFork::make()),
      page_(server_count_, WorkerPool::most(static_cast<std::uint32_t>(options_.max_workers))),
      idle_(static_cast<std::uint32_t>(server_count_), has_barrier_),
      displaced_(static_cast<std::uint32_t>(server_count_)),
      stacks_(options_.stack_size, fiber_loop),
      tracer_(*this),
      chaos_(options_.chaos ? std::make_unique<Chaos>(options_.chaos_seed) : nullptr),
      oracle_(choose_oracle(options_)),
      workers_(*this, static_cast<std::uint32_t>(options_.max_workers)),
      monitor_(*this) {
  install_overflow_handler();
  if (options_.pin_servers) {
    [[maybe_unused]] static const int once = pthread_atfork(nullptr, nullptr, unpin_child);
  }
  for (std::size_t i = 0; i < server_count_; ++i) {
    Server& s = page_.servers()[i];
    s.rt = this;
    if (has_barrier_) s.gate.allow_closing();
    if (chaos_ != nullptr) s.hooks.store(kChaosHook, std::memory_order_relaxed);
    s.index = static_cast<std::uint32_t>(i);
    s.word = &wiped_->words[i].word;
    s.random = static_cast<std::uint32_t>(i) * 2654435761u + 1;
    if (options_.pin_servers) s.cpu = cpus_[i % cpus_.size()];
  }
  try {
    start_standbys();  // first, so that workers never see them come
    start_servers();
    page_.describe(*this);
    monitor_.start();
    RuntimeList::add(*this);
  } catch (...) {
    end_standbys();
    workers_.stop_and_join();
    throw;
  }
}

// All workers exist before the first begins: it makes a spare, and where max_workers allows no
// spare, that would be the worker of a server still without one.
void RuntimeCore::start_servers() {
  for (std::size_t i = 0; i < server_count_; ++i) {
    if (workers_.create() == nullptr) {
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                              "umcg::Runtime: no thread for a server");
    }
  }
  for (Server& s : servers()) {
    note_handoff(s, HandoffCause::kStart, now_ns(), nullptr);
    WorkerPool::assign(workers_.at(s.index), s);
  }
}

void RuntimeCore::start_standbys() {
  if (options_.handoff != Handoff::kAuto && options_.handoff != Handoff::kChaos) return;
  standbys_ = std::make_unique<Standby[]>(server_count_);
  for (std::size_t i = 0; i < server_count_; ++i) {
    if (standbys_[i].start(*this, page_.servers()[i], cpus_[i % cpus_.size()])) continue;
    end_standbys();
    standbys_.reset();
    return;
  }
}

void RuntimeCore::stop_standbys() noexcept {
  if (standbys_ == nullptr) return;
  for (std::size_t i = 0; i < server_count_; ++i) standbys_[i].stop();
}

void RuntimeCore::end_standbys() noexcept {
  stop_standbys();
  while (owners_.load(std::memory_order_acquire) != 1) nap();
}

void RuntimeCore::release() noexcept {
  if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

RuntimeCore::~RuntimeCore() {
  for (Server& s : servers()) {
    while (Stack* stack = s.stacks) {
      s.stacks = stack->next;
      stacks_.release(stack);
    }
  }
}

bool RuntimeCore::is_forked_child() const noexcept {
  return wiped_->mark.load(std::memory_order_relaxed) != kNotForked;
}

void RuntimeCore::check_not_forked() const noexcept {
  if (is_forked_child()) die("a runtime was used in a forked child; it may only exec or _exit");
}

bool RuntimeCore::must_tell() const noexcept {
  return idle_.has_listeners() &&
         (idle_.somebody_must_know() || (idle_.any_unwatched() && !idle_.any()));
}

void RuntimeCore::tell_of_work() noexcept {
  if (idle_.somebody_must_know()) wake_for_work(*this);
  // With nobody idle to take it, it waits for somebody to block.
  if (idle_.any_unwatched() && !idle_.any()) {
    for (Server& s : servers()) {
      if (idle_.is_unwatched(s.index)) standbys_[s.index].arm();
    }
  }
}

void RuntimeCore::inject(FiberCore* f) noexcept {
  inject_.push(f, [this] { count_here(shared_counters().injected); });
  if (must_tell()) tell_of_work();
}

void RuntimeCore::inject_from_outside(FiberCore* f, bool is_new) noexcept {
  hold_up(*this, ChaosPoint::kInject);
  bool is_guest = false;
  inject_.push(f, [this, is_new, &is_guest] {
    count_here(shared_counters().injected);
    if (is_new) count_here(shared_counters().fibers_started);
    is_guest = must_tell() || (!is_new && idle_.monitor_naps());
    if (is_guest) guests_.fetch_add(1, std::memory_order_relaxed);
  });
  if (!is_guest) return;  // the fiber may have run, and the runtime be gone
  hold_up(*this, ChaosPoint::kInject);
  if (!is_new) monitor_.end_nap();
  tell_of_work();
  guests_.fetch_sub(1, std::memory_order_release);  // the last touch
}

void RuntimeCore::start_from_outside(FiberCore* f) noexcept {
  check_not_forked();
  f->id.store(g_next_id.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  if (tracer_.on()) at_spawn_outside(*f);
  inject_from_outside(f, true);
}

void RuntimeCore::wake_from_outside(FiberCore* f) noexcept {
  check_not_forked();
  if (tracer_.on()) at_unpark_outside(*f);
  inject_from_outside(f, false);
}

bool RuntimeCore::has_queued_work() const noexcept {
  if (inject_.size() != 0) return true;
  return std::any_of(servers().begin(), servers().end(),
                     [](const Server& s) { return !s.looks_empty(); });
}

bool RuntimeCore::has_urgent_work() const noexcept {
  if (inject_.urgent_size() != 0) return true;
  return std::any_of(servers().begin(), servers().end(),
                     [](const Server& s) { return !s.ready.looks_empty(); });
}

std::int64_t RuntimeCore::earliest_deadline() const noexcept {
  std::int64_t earliest = kNeverNs;
  for (const Server& s : servers()) earliest = std::min(earliest, s.timers.earliest());
  return earliest;
}

void RuntimeCore::take_fiber_ids(Server& s) noexcept {
  s.next_id = g_next_id.fetch_add(kIdBlock, std::memory_order_relaxed);
  s.end_of_ids = s.next_id + kIdBlock;
}

std::uint64_t RuntimeCore::ids_given() noexcept {
  return g_next_id.load(std::memory_order_relaxed);
}

std::uint64_t RuntimeCore::live_fibers() const noexcept {
  // Ends before starts: every start that an end in the first sum follows is then in the second.
  std::uint64_t finished = page_.shared().counters.fibers_finished.load(std::memory_order_seq_cst);
  for (const Server& s : servers()) {
    finished += s.counters.fibers_finished.load(std::memory_order_seq_cst);
  }
  std::uint64_t started = page_.shared().counters.fibers_started.load(std::memory_order_seq_cst);
  for (const Server& s : servers()) {
    started += s.counters.fibers_started.load(std::memory_order_seq_cst);
  }
  return started - finished;
}

void RuntimeCore::signal_if_idle() noexcept {
  // Pairs with wait_idle(): it announces itself, then looks; we have counted, now look for it.
  if (idle_waiters_.load(std::memory_order_seq_cst) != 0 && live_fibers() == 0) became_idle_.set();
}

bool RuntimeCore::wait_idle(Deadline deadline) {
  idle_waiters_.fetch_add(1, std::memory_order_seq_cst);
  bool idle;
  for (;;) {
    became_idle_.reset();
    idle = live_fibers() == 0;
    if (idle || became_idle_.wait(std::stop_token(), deadline) != WaitStatus::kReady) break;
  }
  // We may have taken back a signal for which another one is about to wait.
  if (idle) became_idle_.set();
  idle_waiters_.fetch_sub(1, std::memory_order_seq_cst);
  return idle || live_fibers() == 0;
}

bool RuntimeCore::request_stop() {
  if (stop_.exchange(true, std::memory_order_seq_cst)) return false;
  request_stop_of_all(*this);
  return true;
}

void RuntimeCore::register_exit_handler() noexcept {
  // A static runtime's own destructor was registered when its constructor returned, which is before
  // it has fibers; so this handler runs earlier. (Not if it is part of a static object whose
  // constructor goes on to start fibers: then exit() on one of them aborts.)
  if (exit_handler_.load(std::memory_order_relaxed)) return;
  if (!exit_handler_.exchange(true, std::memory_order_relaxed)) watch_for_exit();
}

bool RuntimeCore::shut_down() {
  if (is_forked_child()) return false;
  if (const FiberCore* f = current_fiber(); f != nullptr && f->rt == this) {
    if (is_exiting()) return false;
    die("~Runtime on its own fiber would wait for itself for ever");
  }
  (void)request_stop();
  if (!wait_idle(std::chrono::seconds(5))) {
    name_stragglers();
    (void)wait_idle(Deadline::never());
  }
  RuntimeList::remove(*this);
  monitor_.stop_and_join();
  stop_standbys();
  workers_.stop_and_join();
  while (guests_.load(std::memory_order_acquire) != 0) nap();
  if (const std::error_code error = tracer_.stop()) {
    warn("runtime \"%s\": its trace is not written: %s", options_.name.c_str(),
         error.message().c_str());
  }
  return true;
}

void RuntimeCore::abandon() noexcept {
#if UMCG_ASAN
  fibers_.for_each([](const FiberCore& f) {
    const FiberState state = f.state.load(std::memory_order_relaxed);
    if (state == FiberState::kFree || state == FiberState::kDone || f.stack == nullptr) return;
    __lsan_register_root_region(f.stack->low, f.stack->size());
  });
#endif
}

void RuntimeCore::name_stragglers() noexcept {
  constexpr std::size_t kMost = 20;
  warn("runtime \"%s\" has waited 5 s for its end; %llu fibers are left:", options_.name.c_str(),
       static_cast<unsigned long long>(live_fibers()));
  (void)prepare_to_ask();
  try {
    std::make_unique<FiberReport>(write_to_fd, STDERR_FILENO, true)->write_runtime(*this, kMost);
  } catch (const std::bad_alloc&) {
    warn("and there is no memory to tell which");
  }
}

void RuntimeCore::note_no_stack() noexcept {
  if (!no_stack_reported_.exchange(true, std::memory_order_relaxed)) {
    warn("runtime \"%s\": no memory for another stack; new fibers wait until others end",
         options_.name.c_str());
  }
}

void RuntimeCore::note_dropped_exception(const FiberCore* f) noexcept {
  if (page_.shared().counters.dropped_exceptions.fetch_add(1, std::memory_order_relaxed) != 0)
    return;
  if (f != nullptr) {
    warn_of(*f,
            "threw an exception that its handle's destructor dropped (reported once, counted in "
            "stats)");
  } else {
    warn("~Scope dropped the exception of a child (reported once, counted in stats)");
  }
}

}  // namespace umcg::inline v0::internal
