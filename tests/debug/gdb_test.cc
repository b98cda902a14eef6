// SPDX-License-Identifier: Apache-2.0
// tools/gdb/umcg.py on a live process, on gdb's core file and on the kernel's.
//
// Without a sanitizer only: nothing of what is read differs, and gdb takes minutes to start those.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

#include "kernel_shim/oracle/describe_block.h"
#include "support/eventually.h"
#include "support/pipe.h"
#include "support/sanitizers.h"
#include "support/shell.h"
#include "umcg/event.h"
#include "umcg/runtime.h"

// Where gdb stops the subject.
extern "C" __attribute__((noinline)) void gdb_test_stops_here(int number) {
  asm volatile("" ::"r"(number) : "memory");
}

namespace {

namespace shim = umcg::internal::shim;

constexpr const char* kSubject = "UMCG_GDB_TEST_SUBJECT";

[[gnu::noinline]] void wait_inner(umcg::Event& event) {
  event.wait();
  asm volatile("" ::: "memory");
}
[[gnu::noinline]] void wait_outer(umcg::Event& event) {
  wait_inner(event);
  asm volatile("" ::: "memory");
}
[[gnu::noinline]] void read_outer(const umcg_test::Pipe& pipe) {
  (void)pipe.read();
  asm volatile("" ::: "memory");
}

// What gdb looks at. Not a test by itself.
TEST(GdbSubject, WaitsForGdb) {
  if (std::getenv(kSubject) == nullptr) GTEST_SKIP();
  umcg::Runtime rt({.servers = 1, .handoff = umcg::Handoff::kMonitor});
  umcg::Event event;
  const umcg_test::Pipe pipe;
  std::atomic<pid_t> reads{0};
  auto parked = rt.spawn({.name = "parked"}, [&] { wait_outer(event); });
  auto reader = rt.spawn({.name = "reader"}, [&] {
    reads = ::gettid();
    read_outer(pipe);
  });
  EXPECT_TRUE(umcg_test::eventually([&] {
    return rt.stats().parks == 1 && reads != 0 && shim::describe_block(reads) == "in read(2)";
  }));
  rt.run([] {});  // the only server has left the stack of the one that parks
  gdb_test_stops_here(1);
  if (std::string(std::getenv(kSubject)) == "abort") std::abort();
  event.set();
  pipe.write(1);
}

class Gdb : public ::testing::Test {
 protected:
  void SetUp() override {
    if (umcg_test::kSanitized) GTEST_SKIP() << "in other builds";
    if (std::system("gdb --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no gdb";
    char name[] = "/tmp/umcg_gdb_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    scratch_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  static std::string self() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

  // What gdb says to these commands, each a line.
  std::string run_gdb(const std::string& arguments,
                      std::initializer_list<const char*> commands) const {
    std::ofstream file(scratch_ + "/commands");
    file << "set pagination off\nset confirm off\nset height 0\nset width 0\n"
         << "source " UMCG_SOURCE_DIR "/tools/gdb/umcg.py\n";
    for (const char* lines : commands) file << lines;
    file.close();
    return umcg_test::run_shell("cd " + scratch_ + " && " + kSubject +
                                "=1 timeout 120 gdb -nx --batch -x commands " + arguments +
                                " </dev/null")
        .text;
  }
  std::string program() const {
    return "--args '" + self() + "' --gtest_filter=GdbSubject.WaitsForGdb";
  }

  std::string scratch_;
};

bool in_order(const std::string& text, std::initializer_list<const char*> words) {
  std::size_t at = 0;
  for (const char* word : words) {
    at = text.find(word, at);
    if (at == std::string::npos) return false;
    at += std::string(word).size();
  }
  return true;
}

constexpr const char* kLook =
    "umcg fibers\n"
    "echo ==bt\\n\n"
    "umcg bt parked\n"
    "echo ==reader\\n\n"
    "umcg bt reader\n"
    "echo ==fiber\\n\n"
    "umcg fiber parked\n"
    "backtrace\n"
    "umcg fiber\n"
    "echo ==end\\n\n";

void expect_look(const std::string& said) {
  EXPECT_TRUE(in_order(said, {"\"parked\": parked, waits for the event 0x", "KiB of stack"}))
      << said;
  EXPECT_TRUE(in_order(said, {"\"reader\": running or blocked on thread"})) << said;
  EXPECT_TRUE(in_order(said, {"==bt", "wait_inner", "wait_outer", "fiber_loop", "\n==reader"}))
      << said;
  EXPECT_TRUE(in_order(said, {"==reader", "read_outer", "fiber_loop", "\n==fiber"})) << said;
  EXPECT_TRUE(in_order(said, {"==fiber", "\n#1 ", "\n#0 ", "wait_inner", "wait_outer", "fiber_loop",
                              "\n#0 ", "==end"}))
      << said;
  EXPECT_EQ(said.find("corrupt"), std::string::npos) << said;
  EXPECT_EQ(said.find("Python Exception"), std::string::npos) << said;
}

// gdb leaves out of a core file what follows a guard page in a mapping; of those of mprotect() it
// does not.
TEST_F(Gdb, ShowsFibersOfALiveProcessAndOfItsCoreFile) {
  const std::string said =
      run_gdb(program(), {"set environment UMCG_STACK_GUARD mprotect\n"
                          "break gdb_test_stops_here\n"
                          "run\n",
                          kLook, "generate-core-file written_by_gdb\ncontinue\n"});
  if (said.find("Operation not permitted") != std::string::npos) GTEST_SKIP() << said;
  expect_look(said);
  EXPECT_TRUE(in_order(said, {"==end", "exited normally"})) << said;
  expect_look(run_gdb("'" + self() + "' written_by_gdb", {kLook}));
}

TEST_F(Gdb, ShowsFibersOfACoreFileOfTheKernel) {
  std::string pattern;
  std::ifstream("/proc/sys/kernel/core_pattern") >> pattern;
  if (pattern.empty() || pattern.find_first_of("|/%") != std::string::npos) {
    GTEST_SKIP() << "core files go to " << pattern;
  }
  const std::string command = "cd " + scratch_ + " && ulimit -c unlimited && " + kSubject +
                              "=abort '" + self() +
                              "' --gtest_filter=GdbSubject.WaitsForGdb >/dev/null 2>&1";
  ASSERT_NE(std::system(command.c_str()), 0);
  for (const auto& entry : std::filesystem::directory_iterator(scratch_)) {
    if (entry.path().filename().string().starts_with("core")) {
      expect_look(run_gdb("'" + self() + "' " + entry.path().string(), {kLook}));
      return;
    }
  }
  GTEST_SKIP() << "the kernel has written no core file";
}

}  // namespace
