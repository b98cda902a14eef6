// SPDX-License-Identifier: Apache-2.0
// standbys_gone.h - for tests that fork, and then start threads in the child.
//
// A runtime does not wait for its standbys: each ends when it next has a turn. While a thread ends,
// ThreadSanitizer holds locks of its own, and in a child that is forked just then they stay locked
// for ever: its first new thread hangs.
#ifndef UMCG_TESTS_SUPPORT_STANDBYS_GONE_H_
#define UMCG_TESTS_SUPPORT_STANDBYS_GONE_H_

#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "support/eventually.h"

namespace umcg_test {

// Standbys are named RUNTIME/s and a number.
inline bool has_standbys() {
  std::error_code gone;  // threads end while we look
  for (std::filesystem::directory_iterator task("/proc/self/task", gone), end; !gone && task != end;
       task.increment(gone)) {
    std::string name;
    std::getline(std::ifstream(task->path() / "comm"), name);
    const std::size_t slash = name.rfind("/s");
    if (slash != std::string::npos && slash + 2 < name.size() &&
        std::isdigit(static_cast<unsigned char>(name[slash + 2])) != 0) {
      return true;
    }
  }
  return false;
}

// No runtime may live.
inline void await_end_of_standbys() {
  (void)eventually([] { return !has_standbys(); });
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_STANDBYS_GONE_H_
