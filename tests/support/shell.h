// SPDX-License-Identifier: Apache-2.0
// shell.h - runs other programs: for what is best checked by another reader than our own code.
#ifndef UMCG_TESTS_SUPPORT_SHELL_H_
#define UMCG_TESTS_SUPPORT_SHELL_H_

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace umcg_test {

struct Output {
  int status = -1;  // the exit code, or -1
  std::string text;
};

// A command of the shell, and what it prints, on standard error too.
inline Output run_shell(const std::string& command) {
  Output out;
  FILE* const pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) {
    out.text.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) out.status = WEXITSTATUS(status);
  return out;
}

// A Python script of the source tree, by its path there, with arguments for the shell.
inline Output run_python(const std::string& script_and_arguments) {
  return run_shell("python3 -B " UMCG_SOURCE_DIR "/" + script_and_arguments);
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_SHELL_H_
