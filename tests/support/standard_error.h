// SPDX-License-Identifier: Apache-2.0
// standard_error.h - reading what the process under test writes to standard error.
#ifndef UMCG_TESTS_SUPPORT_STANDARD_ERROR_H_
#define UMCG_TESTS_SUPPORT_STANDARD_ERROR_H_

#include <unistd.h>

#include <string>

#include "support/pipe.h"

namespace umcg_test {

// While it lives, what is written to standard error can be read here.
class StandardError {
 public:
  StandardError() : before_(::dup(STDERR_FILENO)) { ::dup2(pipe_.writer(), STDERR_FILENO); }
  ~StandardError() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  // The next line, without its end; waits for it.
  std::string line() const {
    std::string text;
    for (int c = pipe_.read(); c >= 0 && c != '\n'; c = pipe_.read()) {
      text += static_cast<char>(c);
    }
    return text;
  }
  // All lines up to the first that has this text.
  std::string lines_to(const std::string& last) const {
    std::string text;
    std::string next;
    do {
      next = line();
      text += next + '\n';
    } while (next.find(last) == std::string::npos);
    return text;
  }

 private:
  const Pipe pipe_;
  const int before_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_STANDARD_ERROR_H_
