// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/report.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {
namespace {

// One write(2) of one line: lines of several threads do not mix.
class Line {
 public:
  void add(const char* format, std::va_list args) noexcept {
    const int n = std::vsnprintf(text_ + length_, sizeof text_ - length_, format, args);
    if (n > 0)
      length_ = std::min<std::size_t>(sizeof text_ - 2, length_ + static_cast<std::size_t>(n));
  }
  void add(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    std::va_list args;
    va_start(args, format);
    add(format, args);
    va_end(args);
  }
  void add_speaker(const FiberCore* fiber) noexcept {
    if (fiber == nullptr) {
      add("umcg: thread %ld: ", syscall(SYS_gettid));
    } else {
      const std::string_view name = fiber->name_now();
      add("umcg: fiber %llu \"%.*s\": ", static_cast<unsigned long long>(fiber->id_now()),
          static_cast<int>(name.size()), name.data());
    }
  }
  void send() noexcept {
    text_[length_++] = '\n';
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text_, length_);
  }

 private:
  char text_[512];
  std::size_t length_ = 0;
};

void say(const FiberCore* fiber, const char* format, std::va_list args) noexcept {
  Line line;
  line.add_speaker(fiber);
  line.add(format, args);
  line.send();
}

}  // namespace

void die(const char* format, ...) noexcept {
  std::va_list args;
  va_start(args, format);
  say(current_fiber(), format, args);
  va_end(args);
  std::abort();
}

void die_of(const FiberCore& fiber, const char* format, ...) noexcept {
  std::va_list args;
  va_start(args, format);
  say(&fiber, format, args);
  va_end(args);
  std::abort();
}

void warn(const char* format, ...) noexcept {
  std::va_list args;
  va_start(args, format);
  say(current_fiber(), format, args);
  va_end(args);
}

void warn_of(const FiberCore& fiber, const char* format, ...) noexcept {
  std::va_list args;
  va_start(args, format);
  say(&fiber, format, args);
  va_end(args);
}

}  // namespace umcg::inline v0::internal
