// SPDX-License-Identifier: Apache-2.0
#include "runtime/debug/fiber_report.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/peek.h"
#include "runtime/debug/kernel_call.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"
#include "runtime/unwind/saved_frame.h"
#include "runtime/waiting/thread_record.h"
#include "runtime/waiting/wait_owner.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 31;

StackRange range_of(Stack* stack) noexcept {
  if (stack == nullptr) return {0, 0, true};
  const auto low = reinterpret_cast<std::uint64_t>(glance_at(stack->low));
  const auto high = reinterpret_cast<std::uint64_t>(stack);
  // A stack that was given back meanwhile has a record of zeros.
  return low != 0 && low < high && high - low < kLargest ? StackRange{low, high, false}
                                                         : StackRange();
}

const Worker* worker_that_runs(RuntimeCore& rt, const FiberCore& f) noexcept {
  for (std::uint32_t i = 0; i < rt.workers().count(); ++i) {
    const Worker& w = rt.workers().at(i);
    if (w.current.look() == &f && w.watchable.load(std::memory_order_acquire)) return &w;
  }
  return nullptr;
}

const char* word_for(FiberState state, bool has_begun) noexcept {
  switch (state) {
    case FiberState::kReady:
      return has_begun ? "ready" : "new";
    case FiberState::kRunning:
      return "running";
    case FiberState::kParked:
      return "parked";
    case FiberState::kFree:
    case FiberState::kDone:
      break;
  }
  return "ended";
}

bool has_server(RuntimeCore& rt, const Worker& w) noexcept {
  for (const Server& s : rt.servers()) {
    const std::uint64_t word = s.word->load(std::memory_order_acquire);
    if (word != 0 && worker_of(word) == w.index) return true;
  }
  return false;
}

bool is_this_thread(const Worker& w) noexcept {
  return w.subject.tid == static_cast<pid_t>(::syscall(SYS_gettid));
}

// Of ourselves /proc would tell that we read /proc.
ThreadView view_of(const Worker* w) noexcept {
  return w == nullptr || is_this_thread(*w) ? ThreadView() : look_at_thread(w->subject.tid);
}

// One that joins another may lend it its stack (fiber_loop.cc): what is saved there is not its own.
bool has_lent(Stack* stack, WaitRecord wait) noexcept {
  if (stack == nullptr || wait.reason() != WaitReason::kJoin) return false;
  const auto* const other = static_cast<const FiberCore*>(wait.object());
  Stack* others = nullptr;
  return peek(&other->stack, &others, sizeof(void*)) && others == stack;
}

double seconds(std::int64_t ns) noexcept { return static_cast<double>(ns) / 1e9; }

}  // namespace

void write_to_fd(std::uintptr_t fd, const char* text, std::size_t length) noexcept {
  while (length != 0) {
    const ssize_t n = ::write(static_cast<int>(fd), text, length);
    if (n <= 0) return;
    text += n;
    length -= static_cast<std::size_t>(n);
  }
}

void FiberReport::flush() {
  if (length_ != 0) sink_(to_, buffer_, std::exchange(length_, 0));
}

void FiberReport::add(const char* format, ...) {
  if (kBuffer - length_ < kLine) flush();
  std::va_list args;
  va_start(args, format);
  const int n = std::vsnprintf(buffer_ + length_, kLine, format, args);
  va_end(args);
  if (n > 0) length_ += std::min<std::size_t>(static_cast<std::size_t>(n), kLine - 1);
}

FiberReport::View FiberReport::look_at(const FiberCore& f) noexcept {
  View v;
  v.id = f.id_now();
  v.state = f.state.load(std::memory_order_acquire);
  v.wait = WaitRecord(f.waits_for.load(std::memory_order_acquire));
  v.name = f.name.load(std::memory_order_acquire);
  v.stack = glance_at(f.stack);
  v.has_lent = has_lent(v.stack, v.wait);
  if (v.stack != nullptr && !v.has_lent && v.state != FiberState::kRunning) {
    v.lowest = lowest_in_use(*v.stack);
  }
  return v;
}

void FiberReport::write_runtime(RuntimeCore& rt, std::size_t most_fibers) {
  std::size_t counts[8] = {};
  std::size_t live = 0;
  rt.fibers().for_each([&](const FiberCore& f) {
    const FiberState state = f.state.load(std::memory_order_relaxed);
    ++counts[static_cast<std::size_t>(state) % 8];
    live += state != FiberState::kFree && state != FiberState::kDone;
  });
  const auto count = [&](FiberState s) { return counts[static_cast<std::size_t>(s)]; };
  add("umcg: runtime \"%s\": %zu servers, %llu workers; %zu fibers: %zu running or blocked, %zu "
      "ready, %zu parked\n",
      rt.options().name.c_str(), rt.servers().size(),
      static_cast<unsigned long long>(rt.workers().count()), live, count(FiberState::kRunning),
      count(FiberState::kReady), count(FiberState::kParked));
  write_servers(rt);
  std::size_t written = 0;
  std::size_t left_out = 0;
  rt.fibers().for_each([&](const FiberCore& f) {
    const FiberState state = f.state.load(std::memory_order_relaxed);
    if (state == FiberState::kFree || state == FiberState::kDone) return;
    if (written == most_fibers) {
      ++left_out;
    } else {
      ++written;
      write_fiber(rt, f);
    }
  });
  if (left_out != 0) add("... and %zu more fibers\n", left_out);
  write_threads();
  flush();
}

void FiberReport::write_servers(RuntimeCore& rt) {
  for (const Server& s : rt.servers()) {
    const std::uint64_t word = s.word->load(std::memory_order_acquire);
    const char* const queued = s.looks_empty() ? "no" : "with";
    if (rt.idle().is_idle(s.index)) {
      add("server %u: asleep, %s fibers queued\n", s.index, queued);
    } else if (word != 0) {
      const Worker& w = rt.workers().at(worker_of(word));
      const FiberCore* const f = w.current.look();
      add("server %u: held by ", s.index);
      if (w.watchable.load(std::memory_order_acquire)) add("thread %d", w.subject.tid);
      if (f != nullptr) add(" with fiber %llu", static_cast<unsigned long long>(f->id_now()));
      add(", %s fibers queued\n", queued);
    }
  }
}

void FiberReport::write_fiber(RuntimeCore& rt, const FiberCore& f) {
  View view;
  const Worker* w = nullptr;
  ThreadView thread;
  bool walked = false;
  bool stood_still = false;
  // Twice: one that was just on its way may stand still now.
  for (int tries = 0; tries < 2 && !stood_still; ++tries) {
    view = look_at(f);
    if (view.state == FiberState::kFree || view.state == FiberState::kDone) return;
    const bool on_thread = view.state == FiberState::kRunning || view.stack == nullptr;
    w = on_thread ? worker_that_runs(rt, f) : nullptr;
    thread = view_of(w);
    walked = walk(view, w, thread);
    stood_still = look_at(f) == view && (w == nullptr || w->current.look() == &f);
  }
  add_speaker(f, view);
  if (w != nullptr && view.state == FiberState::kRunning) {
    const bool known = w->turn.fiber.get() == view.id;
    add_thread(rt, *w, thread, known ? w->turn.since.get() : 0);
  } else {
    add("%s", word_for(view.state, view.stack != nullptr || w != nullptr));
  }
  if (view.wait.reason() != WaitReason::kNone) {
    add(", ");
    add_wait(f, view.wait);
  }
  add_age(rt, view.id);
  if (view.lowest != 0) {
    add_stack(view, view.lowest);
  } else if (thread.sp != 0) {
    add_stack(view, thread.sp);
  }
  add("\n");
  if (!stood_still) {
    add("    (it moves too fast to be looked at)\n");
  } else if (view.has_lent) {
    add("    (that one runs on its stack: see there)\n");
  } else if (walked) {
    write_frames(view.lowest != 0);
  }
}

void FiberReport::add_speaker(const FiberCore& f, const View& view) {
  char name[64] = "";
  for (std::size_t i = 0; view.name != nullptr && i + 1 < sizeof name; ++i) {
    if (!peek(view.name + i, name + i, 1) || name[i] == '\0') break;
    name[i + 1] = '\0';
  }
  // Freed and used again before it was copied?
  if (f.name.load(std::memory_order_acquire) != view.name) name[0] = '\0';
  add("fiber %llu \"%s\": ", static_cast<unsigned long long>(view.id), name);
}

void FiberReport::add_wait(const FiberCore& f, WaitRecord wait) {
  add("%s", describe(wait).text);
  const Token owner = owner_in(wait);
  if (owner == 0 || WaitRecord(f.waits_for.load(std::memory_order_acquire)) != wait) return;
  if (owner == reinterpret_cast<Token>(&f)) {
    add(", which it has just been given");
  } else if (wait.reason() == WaitReason::kJoin) {
    add(", %s", describe(owner).text);
  } else {
    add(", which %s has", describe(owner).text);
  }
}

void FiberReport::add_thread(RuntimeCore& rt, const Worker& w, const ThreadView& thread,
                             std::int64_t since) {
  const CallText call = describe_call(thread);
  add("%s on thread %d", call.text, w.subject.tid);
  const std::int64_t now = now_ns();
  if (since != 0) add(", in one run for %.2f s", seconds(now - since));
  const std::int64_t lost = w.lost_server_at.get();
  if (lost >= 0 && !has_server(rt, w)) add(", without a server for %.2f s", seconds(now - lost));
}

void FiberReport::add_age(RuntimeCore& rt, std::uint64_t id) {
  const std::int64_t born = rt.monitor().observer().births().born_by(id);
  if (born != 0) add("; %.2f s old", seconds(now_ns() - born));
}

void FiberReport::add_stack(const View& view, std::uint64_t sp) {
  const StackRange range = range_of(view.stack);
  if (sp < range.low || sp >= range.high) return;
  add("; %.1f of %.0f KiB of stack", static_cast<double>(range.high - sp) / 1024,
      static_cast<double>(range.high - range.low) / 1024);
}

bool FiberReport::walk(const View& view, const Worker* w, const ThreadView& thread) {
  StackRange range = range_of(view.stack);
  if (view.lowest != 0) {
    if (view.lowest < range.low || view.lowest >= range.high - kSavedFrameSize) return false;
    unwinder_.walk(Registers::saved_in(*view.stack), range, backtrace_);
    return true;
  }
  if (w == nullptr) return false;
  range.elsewhere = true;
  if (is_this_thread(*w)) {
    ucontext_t here;
    if (::getcontext(&here) != 0) return false;
    unwinder_.walk(Registers::interrupted_at(here), range, backtrace_);
    return true;
  }
  if (thread.pc != 0) {
    unwinder_.walk(Registers::only(thread.pc, thread.sp), range, backtrace_);
    return true;
  }
  return ask_for_backtrace(w->subject.tid, range, unwinder_, backtrace_);
}

void FiberReport::write_frames(bool skip_internals) {
  constexpr std::string_view kInternals = "umcg::v0::internal::";
  constexpr std::string_view kUserCode = "umcg::v0::internal::Task<";  // what was inlined into it
  unsigned number = 0;
  for (std::size_t i = 0; i < backtrace_.count; ++i) {
    const StackFrame& frame = backtrace_.frames[i];
    const std::string_view name = symbols_.name_of(frame.pc, frame.at_instruction);
    // How a fiber parks is the same for all.
    if (skip_internals && name.starts_with(kInternals) && !name.starts_with(kUserCode)) continue;
    skip_internals = false;
    add("    #%-2u 0x%012llx %s%.*s\n", number++, static_cast<unsigned long long>(frame.pc),
        frame.guessed ? "(a guess) " : "", static_cast<int>(name.size()), name.data());
  }
  if (backtrace_.cut) add("    ...\n");
}

void FiberReport::write_hog(const FiberCore& f, const char* title) {
  const View view = look_at(f);
  const Worker* const w = worker_that_runs(*f.rt, f);
  add("umcg: ");
  add_speaker(f, view);
  add("%s", title);
  if (w != nullptr) add(", on thread %d", w->subject.tid);
  add("\n");
  if (w != nullptr && walk(view, w, view_of(w)) && look_at(f) == view) {
    write_frames(false);
  }
  flush();
}

void FiberReport::write_threads() {
  for (const ThreadRecord* r = first_thread_record(); r != nullptr; r = r->next) {
    const Token token = r->token.load(std::memory_order_acquire);
    const WaitRecord wait(r->waits_for.load(std::memory_order_acquire));
    if (token == 0 || wait.reason() == WaitReason::kNone) continue;
    add("thread %d %s", r->tid.load(std::memory_order_relaxed), describe(wait).text);
    if (const Token owner = owner_in(wait); owner != 0 && owner != token) {
      add(wait.reason() == WaitReason::kJoin ? ", %s" : ", which %s has", describe(owner).text);
    }
    add("\n");
  }
}

}  // namespace umcg::inline v0::internal
