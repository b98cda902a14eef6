// SPDX-License-Identifier: Apache-2.0
// pipe.h - Pipe: bytes through the kernel, by plain read(2) and write(2).
#ifndef UMCG_TESTS_SUPPORT_PIPE_H_
#define UMCG_TESTS_SUPPORT_PIPE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace umcg_test {

class Pipe {
 public:
  Pipe() {
    if (::pipe2(fds_, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // The byte, or -1: the end, or an error.
  int read() const {
    unsigned char byte = 0;
    return ::read(fds_[0], &byte, 1) == 1 ? byte : -1;
  }
  void write(unsigned char byte) const { EXPECT_EQ(::write(fds_[1], &byte, 1), 1); }

  int reader() const { return fds_[0]; }
  int writer() const { return fds_[1]; }
  void close_reader() { close(fds_[0]); }
  void close_writer() { close(fds_[1]); }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int fds_[2];
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_PIPE_H_
