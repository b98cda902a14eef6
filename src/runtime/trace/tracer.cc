// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace/tracer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/context/thread_state.h"
#include "runtime/runtime_core.h"
#include "runtime/trace/timeline.h"
#include "runtime/trace/trace_file.h"

namespace umcg::inline v0::internal {
namespace {

std::error_code last_error() noexcept { return {*errno_location(), std::generic_category()}; }

}  // namespace

Tracer::~Tracer() {
  if (file_ >= 0) ::close(file_);
}

Tracer::Rings& Tracer::rings_of(std::size_t events) {
  for (Rings& r : made_) {
    if (r.events == events) return r;
  }
  Rings rings{events, {}};
  for (std::size_t i = 0; i <= rt_.servers().size(); ++i) {
    rings.all.push_back(std::make_unique<TraceRing>(std::max<std::size_t>(events, 1)));
  }
  made_.push_back(std::move(rings));
  return made_.back();
}

void Tracer::set_hooks(bool on) noexcept {
  for (Server& s : rt_.servers()) {
    if (on) {
      s.hooks.fetch_or(kTraceHook, std::memory_order_release);
    } else {
      s.hooks.fetch_and(static_cast<std::uint8_t>(~kTraceHook), std::memory_order_relaxed);
    }
  }
  on_.store(on, std::memory_order_release);
}

void Tracer::add_live_names(Names& names) const {
  std::lock_guard lock(rt_.stop_lock());  // keeps the names
  rt_.fibers().for_each([&](const FiberCore& f) {
    const std::string_view name = f.name_now();
    if (!name.empty()) names.try_emplace(f.id_now(), name);
  });
}

std::error_code Tracer::start(const std::string& path, const TraceOptions& options) {
  std::lock_guard lock(lock_);
  if (file_ >= 0) return std::make_error_code(std::errc::operation_in_progress);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return last_error();
  try {
    if (made_.empty()) clock_.choose();
    Rings& rings = rings_of(options.events_per_server);
    used_ = static_cast<std::size_t>(&rings - made_.data());
    counts_at_start_.clear();
    for (const auto& ring : rings.all) counts_at_start_.push_back(ring->count());
    names_.clear();
    add_live_names(names_);
    options_ = options;
    for (Server& s : rt_.servers()) {
      s.trace_ring.store(rings.all[s.index].get(), std::memory_order_release);
    }
    shared_.store(rings.all.back().get(), std::memory_order_release);
  } catch (const std::bad_alloc&) {
    ::close(file);
    return std::make_error_code(std::errc::not_enough_memory);
  }
  file_ = file;
  began_ = clock_.read_both();
  set_hooks(true);
  return {};
}

std::error_code Tracer::stop() {
  std::lock_guard lock(lock_);
  if (file_ < 0) return {};
  set_hooks(false);
  std::error_code error;
  try {
    error = write();
  } catch (const std::bad_alloc&) {
    error = std::make_error_code(std::errc::not_enough_memory);
  }
  // A full disk may show only here.
  if (::close(std::exchange(file_, -1)) != 0 && !error) error = last_error();
  return error;
}

std::error_code Tracer::write() {
  const TraceClock::Pair ended = clock_.read_both();
  std::vector<RingRecord> records;
  const Rings& rings = made_[used_];
  for (std::size_t i = 0; i < rings.all.size(); ++i) {
    RingRecord& record = records.emplace_back();
    record.events = rings.all[i]->read(counts_at_start_[i], &record.lost);
  }
  add_live_names(names_);
  return write_trace(file_, make_timeline(records, began_, ended),
                     {rt_.options().name, std::move(names_), options_.fiber_tracks});
}

void Tracer::add(Server& s, TraceKind kind, std::uint64_t fiber, std::uint64_t other,
                 std::uint8_t detail) noexcept {
  if ((s.hooks.load(std::memory_order_relaxed) & kTraceHook) == 0) return;
  TraceRing* const ring = s.trace_ring.load(std::memory_order_acquire);
  if (ring == nullptr) return;
  ring->add({clock_.ticks(), fiber, other, kind, detail});
}

void Tracer::add_shared(TraceKind kind, std::uint64_t fiber, std::uint64_t other,
                        std::uint8_t detail) noexcept {
  std::lock_guard lock(shared_lock_);
  TraceRing* const ring = shared_.load(std::memory_order_acquire);
  if (ring == nullptr) return;
  ring->add({clock_.ticks(), fiber, other, kind, detail});
}

}  // namespace umcg::inline v0::internal
