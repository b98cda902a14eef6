// SPDX-License-Identifier: Apache-2.0
// describe_block_test.cc - what a thread waits for, in words.
#include "kernel_shim/oracle/describe_block.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

#include "stopper.h"
#include "watched.h"

namespace {

namespace shim = umcg::internal::shim;
using umcg_test::eventually;
using umcg_test::Watched;

class DescribeBlock : public ::testing::Test {
 protected:
  void SetUp() override {
    if (shim::describe_block(::gettid()).empty()) GTEST_SKIP() << "/proc does not tell";
  }

  // The last description that was not the wanted one, for the report.
  bool becomes(const Watched& thread, const std::string& wanted) {
    return eventually([&] { return (last_ = shim::describe_block(thread.tid())) == wanted; });
  }

  const std::unique_ptr<shim::BlockOracle> oracle_ = shim::make_clock_oracle();
  std::string last_;
};

TEST_F(DescribeBlock, Read) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  Watched thread(*oracle_, [&] {
    char c;
    EXPECT_EQ(::read(fds[0], &c, 1), 0);
  });
  EXPECT_TRUE(becomes(thread, "in read(2)")) << last_;
  ::close(fds[1]);
  EXPECT_TRUE(becomes(thread, "running")) << last_;
}

TEST_F(DescribeBlock, Mutex) {
  std::mutex mutex;
  std::unique_lock held(mutex);
  Watched thread(*oracle_, [&] { std::lock_guard lock(mutex); });
  EXPECT_TRUE(becomes(thread, "in futex(2)")) << last_;
  held.unlock();
}

TEST_F(DescribeBlock, Stopped) {
  Watched thread(*oracle_);
  ASSERT_TRUE(thread.has_computed());
  umcg_test::Stopper stopper(thread.tid());
  if (!stopper.has_stopped_it()) GTEST_SKIP() << "ptrace is not permitted";
  EXPECT_EQ(shim::describe_block(thread.tid()), "stopped");
}

TEST_F(DescribeBlock, NoSuchThread) {
  EXPECT_EQ(shim::describe_block(1 << 30), "");
  EXPECT_EQ(shim::describe_block(-1), "");
}

TEST_F(DescribeBlock, ThisThreadReads) {
  EXPECT_EQ(shim::describe_block(::gettid()), "in pread64(2)");
}

TEST(SyscallName, Table) {
  EXPECT_EQ(shim::syscall_name(SYS_read), "read");
  EXPECT_EQ(shim::syscall_name(SYS_futex), "futex");
  EXPECT_EQ(shim::syscall_name(SYS_clock_nanosleep), "clock_nanosleep");
  EXPECT_EQ(shim::syscall_name(-1), "");
  EXPECT_EQ(shim::syscall_name(1'000'000), "");
}

}  // namespace
