// SPDX-License-Identifier: Apache-2.0
// oracle_subject_test.cc - many subjects, subjects that end, and limits of the process.
#include <sys/resource.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "oracle_case.h"
#include "support/sanitizers.h"
#include "watched.h"

namespace {

namespace shim = umcg::internal::shim;
using shim::Look;
using umcg_test::scaled;
using umcg_test::Watched;

class OracleSubject : public umcg_test::OracleCase {};
UMCG_TEST_ALL_ORACLES(OracleSubject);

// Where threads block until the end of the test.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Sets the soft limit of open files for a scope.
class FileLimit {
 public:
  explicit FileLimit(rlim_t limit) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &saved_), 0);
    const rlimit changed{std::min(limit, saved_.rlim_max), saved_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &changed), 0);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_NOFILE, &saved_); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit saved_;
};

TEST_P(OracleSubject, FiveHundred) {
  FileLimit limit(4096);
  Gate gate;
  std::vector<std::unique_ptr<Watched>> threads;
  int attached = 0;
  for (int i = 0; i < 500; ++i) {
    threads.push_back(std::make_unique<Watched>(oracle(), [&] { gate.pass(); }));
    attached += threads.back()->is_attached();
  }
  // Files and locked memory may be short, but not for all.
  EXPECT_GT(attached, GetParam() == Kind::kClock ? 499 : 20);
  for (auto& thread : threads) {
    if (thread->is_attached()) {
      EXPECT_TRUE(thread->becomes(Look::kBlocked));
    }
  }
  for (auto& thread : threads) thread->compute_no_more();
  gate.open();
}

// Lookers tell by it whether they have looked before.
TEST_P(OracleSubject, SeenIsNotZeroAfterALook) {
  shim::Subject subject;
  ASSERT_TRUE(oracle().attach(subject));
  std::uint64_t seen = 0;
  (void)oracle().look(subject, seen);
  EXPECT_NE(seen, 0u);
  oracle().detach(subject);
}

TEST_P(OracleSubject, AttachedAgainAndAgain) {
  for (int i = 0; i < scaled(3000); ++i) {
    shim::Subject subject;
    ASSERT_TRUE(oracle().attach(subject)) << "round " << i;
    oracle().detach(subject);
  }
}

TEST_P(OracleSubject, EndsWhileItIsLookedAt) {
  for (int i = 0; i < scaled(50); ++i) {
    shim::Subject subject;
    std::uint64_t seen = 0;
    std::atomic<bool> attached{false};
    std::thread thread([&] {
      ASSERT_TRUE(oracle().attach(subject));
      attached.store(true);
    });
    while (!attached.load()) std::this_thread::yield();
    for (int k = 0; k < 20; ++k) (void)oracle().look(subject, seen);
    thread.join();
    for (int k = 0; k < 20; ++k) (void)oracle().look(subject, seen);
    oracle().detach(subject);
  }
}

TEST_P(OracleSubject, NoFileLeft) {
  const bool needs_files = GetParam() == Kind::kProc || GetParam() == Kind::kPerf;
  shim::Subject subject;
  shim::BlockOracle& used_before = oracle();  // UBSan's first check of a type wants files, too
  {
    FileLimit limit(0);
    EXPECT_EQ(used_before.attach(subject), !needs_files);
  }
  EXPECT_NE(subject.tid, 0);
  if (!needs_files) oracle().detach(subject);
}

// The program's files come first.
TEST(OracleLimits, ProcLeavesHalfOfTheFiles) {
  const auto oracle = make_oracle(shim::OracleKind::kProc);
  if (!umcg_test::works_sometimes(*oracle)) GTEST_SKIP() << "/proc does not tell";
  FileLimit limit(64);
  std::vector<shim::Subject> subjects;
  for (;;) {
    shim::Subject subject;
    if (!oracle->attach(subject)) break;
    subjects.push_back(subject);
    ASSERT_LE(subjects.size(), 16u);
  }
  EXPECT_GT(subjects.size(), 4u);
  for (shim::Subject& subject : subjects) oracle->detach(subject);
}

TEST_P(OracleSubject, WhatCannotBeWatchedIsWatchedByItsClock) {
  std::string why;
  const auto chosen = shim::choose_oracle(name_of(GetParam()), &why);
  if (chosen->name() != name_of(GetParam())) GTEST_SKIP() << why;
  ASSERT_TRUE(umcg_test::works_sometimes(*chosen));
  Gate gate;
  std::unique_ptr<Watched> thread;
  {
    FileLimit limit(0);
    thread = std::make_unique<Watched>(*chosen, [&] { gate.pass(); });
  }
  ASSERT_TRUE(thread->is_attached());
  EXPECT_EQ(thread->by_clock(), GetParam() == Kind::kProc || GetParam() == Kind::kPerf);
  EXPECT_TRUE(thread->becomes(Look::kBlocked));
  gate.open();
  EXPECT_TRUE(thread->has_computed());
  EXPECT_TRUE(thread->becomes(Look::kRuns));
}

}  // namespace
