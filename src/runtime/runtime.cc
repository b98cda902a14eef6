// SPDX-License-Identifier: Apache-2.0
#include "umcg/runtime.h"

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime/base/report.h"
#include "runtime/context/thread_state.h"
#include "runtime/cpu_count.h"
#include "runtime/debug/fiber_report.h"
#include "runtime/debug/thread_view.h"
#include "runtime/runtime_core.h"
#include "runtime/scheduler/worker.h"
#include "runtime/waiting/wait_graph.h"

namespace umcg::inline v0 {

using namespace internal;

namespace {

Handoff forced_handoff(Handoff otherwise) {
  const char* const text = std::getenv("UMCG_HANDOFF");
  if (text == nullptr || *text == '\0') return otherwise;
  const std::string_view value = text;
  if (value == "auto") return Handoff::kAuto;
  if (value == "monitor") return Handoff::kMonitor;
  if (value == "off") return Handoff::kOff;
  if (value == "chaos") return Handoff::kChaos;
  throw std::invalid_argument("UMCG_HANDOFF is \"" + std::string(value) +
                              "\", not one of auto, monitor, off, chaos");
}

void apply_chaos_variable(RuntimeOptions& o) {
  const char* const text = std::getenv("UMCG_CHAOS");
  if (text == nullptr || *text == '\0') return;
  const std::string_view value = text;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), o.chaos_seed);
  if (error != std::errc() || end != value.data() + value.size()) {
    throw std::invalid_argument("UMCG_CHAOS is \"" + std::string(value) + "\", not a seed");
  }
  o.chaos = true;
}

void require(bool holds, const char* rule) {
  if (!holds) throw std::invalid_argument(std::string("umcg::RuntimeOptions: ") + rule);
}

RuntimeOptions complete_options(RuntimeOptions o) {
  require(o.servers >= 0 && o.servers <= static_cast<int>(ServerBits::kMaxServers),
          "servers must be between 0 and 256");
  require(o.stack_size >= StackPool::kMinSize && o.stack_size <= StackPool::kMaxSize,
          "stack_size must be between 16 KiB and 1 GiB");
  if (o.servers == 0)
    o.servers = std::min(usable_cpus(), static_cast<int>(ServerBits::kMaxServers));
  if (o.max_workers == 0) o.max_workers = std::max(default_max_workers(), 2 * o.servers);
  require(o.report_hogs_after.count() == 0 || o.report_hogs_after.count() >= 10,
          "report_hogs_after must be 0 or at least 10 ms");
  require(o.max_workers >= o.servers, "max_workers must not be less than servers");
  o.handoff = forced_handoff(o.handoff);
  apply_chaos_variable(o);
  if (const char* const oracle = std::getenv("UMCG_ORACLE")) o.oracle = oracle;
  return o;
}

void end(RuntimeCore* core) {
  if (core->shut_down()) {
    core->release();
  } else {
    core->abandon();
  }
}

}  // namespace

RuntimeCore& RuntimeCore::of(Runtime& rt) noexcept { return *rt.core_; }

Runtime::Runtime() : Runtime(Options()) {}

Runtime::Runtime(Options options)
    : core_(new RuntimeCore(*this, complete_options(std::move(options))), end) {}

Runtime::~Runtime() = default;

bool Runtime::wait_idle(Deadline deadline) {
  if (const FiberCore* f = current_fiber(); f != nullptr && f->rt == core_.get()) {
    die("Runtime::wait_idle() on one of its own fibers would wait for itself");
  }
  return core_->wait_idle(deadline);
}

bool Runtime::request_stop() { return core_->request_stop(); }

Stats Runtime::stats() const { return core_->stats(); }

std::error_code Runtime::trace_to(const std::string& path, const TraceOptions& options) {
  return core_->tracer().start(path, options);
}

std::error_code Runtime::end_trace() { return core_->tracer().stop(); }

std::size_t Runtime::report_deadlocks() const { return internal::report_deadlocks(*core_); }

void Runtime::dump(const DumpSink& sink) const {
  core_->check_not_forked();
  (void)prepare_to_ask();
  const auto pass_on = [](std::uintptr_t to, const char* text, std::size_t length) {
    (*reinterpret_cast<const DumpSink*>(to))({text, length});
  };
  std::make_unique<FiberReport>(pass_on, reinterpret_cast<std::uintptr_t>(&sink), true)
      ->write_runtime(*core_);
}

Runtime& Runtime::current() {
  if (Runtime* rt = try_current()) return *rt;
  die("Runtime::current() where there is no runtime: not on a fiber, and none was entered");
}

Runtime* Runtime::try_current() noexcept {
  if (Worker* w = current_worker()) return &w->rt->handle();
  return entered_runtime();
}

Runtime::Enter::Enter(Runtime* rt) noexcept : previous_(entered_runtime()) {
  set_entered_runtime(rt);
}

Runtime::Enter::~Enter() { set_entered_runtime(previous_); }

}  // namespace umcg::inline v0
