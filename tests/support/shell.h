// SPDX-License-Identifier: Apache-2.0
// python.h - runs a Python program of the source tree, for what is best checked by another reader
// than our own code.
#ifndef UMCG_TESTS_SUPPORT_PYTHON_H_
#define UMCG_TESTS_SUPPORT_PYTHON_H_

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace umcg_test {

// ctest says where; a test started by hand is looked for in build/PRESET/tests.
inline std::string source_dir() {
  if (const char* const dir = std::getenv("UMCG_SOURCE_DIR")) return dir;
  char self[4096] = "";
  if (::readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return ".";
  const std::string path = self;
  return path.substr(0, path.rfind('/')) + "/../../..";
}

struct Output {
  int status = -1;  // the exit code, or -1
  std::string text;
};

// `script` as seen from the source tree, with arguments for the shell. What it prints, on standard
// error too.
inline Output run_python(const std::string& script_and_arguments) {
  Output out;
  const std::string command = "python3 -B " + source_dir() + "/" + script_and_arguments + " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) {
    out.text.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) out.status = WEXITSTATUS(status);
  return out;
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_PYTHON_H_
