// SPDX-License-Identifier: Apache-2.0
// temp_file.h - TempFile: an empty file that is gone when the test is.
#ifndef UMCG_TESTS_SUPPORT_TEMP_FILE_H_
#define UMCG_TESTS_SUPPORT_TEMP_FILE_H_

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace umcg_test {

class TempFile {
 public:
  // In the current folder, which for tests is one of the build: more likely to be on a disk than
  // the system's folder for temporary files.
  TempFile() : path_("umcg_test_XXXXXX"), fd_(::mkostemp(path_.data(), O_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("no temporary file");
  }
  ~TempFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const int fd_;
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_TEMP_FILE_H_
