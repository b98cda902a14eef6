// SPDX-License-Identifier: Apache-2.0
// tools/umcg-top shows what a runtime of another process is doing, also when that process hangs,
// and shows it to nobody else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/child.h"
#include "support/eventually.h"
#include "support/pipe.h"
#include "support/shell.h"
#include "umcg/runtime.h"

namespace {

// Three fibers in read(2), one that computes, until killed.
int busy_process() {
  const umcg_test::Pipe pipe;
  umcg::Runtime rt({.servers = 2, .name = "to be seen"});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < 3; ++i) {
    fibers.push_back(rt.spawn({.name = "reader"}, [&] { (void)pipe.read(); }));
  }
  fibers.push_back(rt.spawn({.name = "spinner"}, [] {
    for (;;) asm volatile("");
  }));
  for (auto& f : fibers) f.join();
  return 0;
}

umcg_test::Output top(pid_t pid) {
  return umcg_test::run_python("tools/umcg-top --once --interval 0.2 " + std::to_string(pid));
}

bool has(const umcg_test::Output& out, const std::string& text) {
  return out.text.find(text) != std::string::npos;
}

bool shows_all(const umcg_test::Output& out) {
  return out.status == 0 && has(out, "runtime \"to be seen\"") && has(out, "fibers 4") &&
         has(out, "read(2)                         3  fiber ") &&
         has(out, "longest running: fiber ") && has(out, "\"spinner\" on thread ");
}

// Where the child's runtime offers its memory.
std::string page_of(pid_t pid) {
  for (const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(fd, gone).string();
    if (target.starts_with("/memfd:umcg-runtime")) return fd.path();
  }
  return "";
}

TEST(UmcgTop, ShowsABusyAndAHangingProcess) {
  umcg_test::Child child(busy_process);
  umcg_test::Output out;
  EXPECT_TRUE(umcg_test::eventually([&] { return shows_all(out = top(child.pid())); })) << out.text;
  ASSERT_EQ(::kill(child.pid(), SIGSTOP), 0);
  EXPECT_TRUE(umcg_test::eventually([&] {
    out = top(child.pid());
    return shows_all(out) && has(out, "it is stopped");
  })) << out.text;
}

TEST(UmcgTop, OnlyTheSameUserAndOnlyToRead) {
  umcg_test::Child child(busy_process);
  // When it can be seen it is complete: its mode and its seals come after its name.
  ASSERT_TRUE(umcg_test::eventually([&] { return shows_all(top(child.pid())); }));
  const std::string page = page_of(child.pid());
  struct stat about {};
  ASSERT_EQ(::stat(page.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  const int fd = ::open(page.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_LT(::pwrite(fd, "x", 1, 0), 0);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  ::close(fd);
  if (::geteuid() == 0) {
    umcg_test::Child stranger([&] {
      constexpr uid_t kNobody = 65534;
      if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 1;
      return ::open(page.c_str(), O_RDONLY | O_CLOEXEC) < 0 ? 0 : 2;
    });
    EXPECT_EQ(stranger.exit_code(), 0);
  }
}

TEST(UmcgTop, SaysWhyThereIsNothingToSee) {
  const auto none = top(::getpid());
  EXPECT_EQ(none.status, 1);
  EXPECT_TRUE(has(none, "has no umcg runtime")) << none.text;
  EXPECT_TRUE(has(top(1 << 30), "there is no process")) << none.text;
}

TEST(UmcgTop, WhoReadsItMaySeeEnough) {
  umcg_test::Child child(busy_process);
  ASSERT_TRUE(umcg_test::eventually([&] { return shows_all(top(child.pid())); }));
  const auto out =
      umcg_test::run_shell("{ python3 -B " UMCG_SOURCE_DIR "/tools/umcg-top --interval 0.05 " +
                           std::to_string(child.pid()) + "; echo \"status $?\" >&2; } | head -1");
  EXPECT_TRUE(has(out, "status 0")) << out.text;
  EXPECT_FALSE(has(out, "has ended")) << out.text;
  const auto refused = umcg_test::run_python("tools/umcg-top --interval -1 1");
  EXPECT_TRUE(has(refused, "must be above 0")) << refused.text;
}

// A program may have been started without its standard streams.
TEST(UmcgTop, ThePageIsNoStandardStream) {
  umcg_test::Child child([] {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO}) ::close(stream);
    const umcg::Runtime rt({.servers = 1});
    struct stat about {};
    return ::fstat(STDIN_FILENO, &about) != 0 && ::fstat(STDOUT_FILENO, &about) != 0 ? 0 : 1;
  });
  EXPECT_EQ(child.exit_code(), 0);
}

// Users close descriptors that are not theirs: the runtime goes on, and closes nobody else's.
TEST(UmcgTop, ItsDescriptorMayBeClosed) {
  umcg_test::Child child([] {
    int other = -1;
    {
      umcg::Runtime rt({.servers = 1});
      const std::string page = page_of(::getpid());
      if (page.empty()) return 1;
      const int fd = std::stoi(page.substr(page.rfind('/') + 1));
      ::close(fd);
      other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (other != fd || rt.run([] { return 1; }) != 1) return 2;
    }
    return ::fcntl(other, F_GETFD) >= 0 ? 0 : 3;
  });
  EXPECT_EQ(child.exit_code(), 0);
}

}  // namespace
