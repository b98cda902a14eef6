// SPDX-License-Identifier: Apache-2.0
// oracle_choice_test.cc - which oracle is chosen, on this machine and on poorer ones. The poorer
// ones are processes of their own that have given something up.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernel_shim/block_oracle.h"
#include "oracle_case.h"
#include "support/child.h"
#include "support/death.h"
#include "watched.h"

namespace {

namespace shim = umcg::internal::shim;
using shim::choose_oracle;
using shim::OracleKind;

std::string chosen(std::string_view wanted, std::string* why) {
  return std::string(choose_oracle(wanted, why)->name());
}

TEST(OracleChoice, Automatic) {
  if (!umcg_test::works_sometimes(*make_oracle(OracleKind::kClock))) GTEST_SKIP() << "no clock";
  for (const char* wanted : {"", "auto"}) {
    std::string why = "old";
    const auto oracle = choose_oracle(wanted, &why);
    ASSERT_NE(oracle, nullptr);
    EXPECT_EQ(why, "");
  }
}

TEST(OracleChoice, ByName) {
  for (const auto kind :
       {OracleKind::kClock, OracleKind::kProc, OracleKind::kPerf, OracleKind::kBpf}) {
    const std::string name(name_of(kind));
    std::string why;
    const std::string got = chosen(name, &why);
    EXPECT_EQ(why.empty(), got == name) << why;
    if (!why.empty()) {
      EXPECT_NE(why.find('"' + name + '"'), std::string::npos) << why;
    }
  }
}

TEST(OracleChoice, UnknownName) {
  std::string why;
  EXPECT_NE(choose_oracle("tea leaves", &why), nullptr);
  EXPECT_NE(why.find("\"tea leaves\""), std::string::npos) << why;
}

// An oracle that always says the same.
class Stubborn final : public shim::BlockOracle {
 public:
  explicit Stubborn(shim::Look answer) : answer_(answer) {}
  std::string_view name() const noexcept override { return "stubborn"; }
  shim::Look look(const shim::Subject&, std::uint64_t&) noexcept override { return answer_; }

 private:
  const shim::Look answer_;
};

TEST(OracleChoice, SelfTestFindsLiars) {
  for (const auto answer : {shim::Look::kBlocked, shim::Look::kRuns, shim::Look::kUnknown}) {
    Stubborn oracle(answer);
    EXPECT_FALSE(oracle_works(oracle));
  }
}

struct Denied {
  long number;
  unsigned error;                // what it fails with; 0: it succeeds, and does nothing
  bool only_of_threads = false;  // with a first argument below 0, as thread clocks have
};

// The statements that follow run as under a container's filter.
bool deny(const std::vector<Denied>& calls) {
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const Denied& call : calls) {
    const auto number = static_cast<unsigned>(call.number);
    const sock_filter fail =
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (call.error & SECCOMP_RET_DATA));
    if (call.only_of_threads) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4));
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x80000000u, 0, 1));
      program.push_back(fail);
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    } else {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
      program.push_back(fail);
    }
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

bool lose_proc() {
  if (::geteuid() != 0 && ::unshare(CLONE_NEWUSER) != 0) return false;
  char path[] = "/tmp/umcg_oracle_XXXXXX";
  const int above = ::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);  // to remove it from there
  return ::mkdtemp(path) != nullptr && ::chroot(path) == 0 && ::chdir("/") == 0 &&
         ::unlinkat(above, path + sizeof "/tmp", AT_REMOVEDIR) == 0;
}

// Without exit handlers: a leak checker would look for /proc.
[[noreturn]] void end(bool right, const std::string& why) {
  std::fprintf(stderr, "why: %s\n", why.c_str());
  ::_exit(right ? 0 : 1);
}
constexpr int kCannot = 77;
[[noreturn]] void give_up() { ::_exit(kCannot); }
bool ended_well(int status) {
  return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kCannot);
}

// The self-test may run out of patience on a crowded machine, and the result is remembered: the
// clock is made sure of before anything is lost.
void remember_the_clock() {
  if (!umcg_test::works_sometimes(*make_oracle(OracleKind::kClock))) give_up();
  std::string why;
  if (chosen("", &why) != "clock") give_up();
}

using OracleChoiceDeathTest = umcg_test::DeathTest;

TEST_F(OracleChoiceDeathTest, PerfDenied) {
  EXPECT_EXIT(
      {
        remember_the_clock();
        if (!deny({{SYS_perf_event_open, EACCES}, {SYS_bpf, EPERM}})) give_up();
        std::string why;
        std::string why_not_bpf;
        const bool right =
            chosen("perf", &why) == "clock" && chosen("bpf", &why_not_bpf) == "clock";
        end(right && !why_not_bpf.empty(), why);
      },
      ended_well, "^(why: the block oracle \"perf\" does not work here; taking \"clock\"\n)?$");
}

TEST_F(OracleChoiceDeathTest, NoProc) {
  EXPECT_EXIT(
      {
        remember_the_clock();
        if (!lose_proc()) give_up();
        std::string why;
        end(chosen("proc", &why) == "clock", why);
      },
      ended_well, "^(why: the block oracle \"proc\" does not work here; taking \"clock\"\n)?$");
}

// As after setuid(): such a process may not open its own files in /proc.
TEST_F(OracleChoiceDeathTest, NotDumpable) {
  EXPECT_EXIT(
      {
        remember_the_clock();
        if (::geteuid() == 0 && ::setuid(65534) != 0) give_up();
        if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) give_up();
        std::string why;
        end(chosen("proc", &why) == "clock", why);
      },
      ended_well, "^(why: the block oracle \"proc\" does not work here; taking \"clock\"\n)?$");
}

TEST_F(OracleChoiceDeathTest, ThreadClocksDenied) {
  EXPECT_EXIT(
      {
        if (!umcg_test::works_sometimes(*make_oracle(OracleKind::kProc))) give_up();
        if (!deny({{SYS_clock_gettime, EINVAL, true}})) give_up();
        // Here too patience may run out, and that is remembered: each try is a process of its own.
        bool right = false;
        for (int i = 0; i < 20 && !right; ++i) {
          umcg_test::Child one_try([] {
            std::string why;
            return chosen("auto", &why) != "clock" && why.empty() ? 0 : 1;
          });
          right = one_try.exit_code() == 0;
        }
        end(right, "");
      },
      ended_well, "");
}

// A sandbox that says yes to everything.
TEST_F(OracleChoiceDeathTest, ThreadClocksThatStandStill) {
  EXPECT_EXIT(
      {
        if (!deny({{SYS_clock_gettime, 0, true}})) give_up();
        const auto clock = make_oracle(OracleKind::kClock);
        end(!oracle_works(*clock), "");
      },
      ended_well, "");
}

TEST_F(OracleChoiceDeathTest, NothingWorks) {
  EXPECT_EXIT(
      {
        if (!lose_proc() ||
            !deny({{SYS_clock_gettime, EINVAL, true}, {SYS_perf_event_open, ENOSYS}})) {
          give_up();
        }
        std::string why;
        end(chosen("", &why) == "clock", why);
      },
      ended_well, "^(why: no block oracle works here; blocked fibers may go unnoticed\n)?$");
}

// In a container gettid() is not what the kernel counts by, and /proc may be the one outside.
TEST_F(OracleChoiceDeathTest, OtherNumbersOfThreads) {
  EXPECT_EXIT(
      {
        std::vector<OracleKind> kinds;
        for (const auto kind : {OracleKind::kClock, OracleKind::kProc, OracleKind::kBpf}) {
          const auto oracle = make_oracle(kind);
          if (oracle != nullptr && umcg_test::works_sometimes(*oracle)) kinds.push_back(kind);
        }
        const bool privileged = ::geteuid() == 0;
        if (::unshare(privileged ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) != 0) give_up();
        const pid_t child = ::fork();
        if (child == 0) {
          bool right = true;
          for (const auto kind : kinds) {
            const auto oracle = make_oracle(kind);
            right = oracle != nullptr && umcg_test::works_sometimes(*oracle) && right;
          }
          end(right, "");
        }
        int status = 0;
        end(::waitpid(child, &status, 0) == child && status == 0, "");
      },
      ended_well, "");
}

// A server that starts as root and goes on as somebody else.
TEST_F(OracleChoiceDeathTest, PrivilegesGivenUpLater) {
  EXPECT_EXIT(
      {
        std::string why;
        const auto oracle = choose_oracle("bpf", &why);
        if (!why.empty() || ::setuid(65534) != 0) give_up();
        std::atomic<bool> go_on{false};
        bool right = false;
        {
          umcg_test::Watched thread(*oracle, [&] { go_on.wait(false); });
          right = thread.is_attached() && thread.becomes(shim::Look::kBlocked);
          go_on.store(true);
          go_on.notify_one();
          right = thread.has_computed() && thread.becomes(shim::Look::kRuns) && right;
        }
        end(right, why);
      },
      ended_well, "");
}

// Rings count against what a user may lock.
TEST_F(OracleChoiceDeathTest, LockedMemoryRunsOut) {
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setuid(65534) != 0) give_up();
        const rlimit nothing{};
        ::setrlimit(RLIMIT_MEMLOCK, &nothing);
        const auto oracle = make_oracle(OracleKind::kPerf);
        if (!umcg_test::works_sometimes(*oracle)) give_up();
        std::vector<shim::Subject> subjects;
        bool refused = false;
        while (!refused && subjects.size() < 100'000) {
          shim::Subject subject;
          refused = !oracle->attach(subject);
          if (!refused) subjects.push_back(subject);
        }
        for (shim::Subject& subject : subjects) oracle->detach(subject);
        shim::Subject again;
        end(refused && oracle->attach(again), "");
      },
      ended_well, "");
}

}  // namespace
